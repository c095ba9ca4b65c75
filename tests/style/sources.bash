# shellcheck shell=bash
# The files that the checks of style look at. They are found without git: an unpacked archive is checked like a clone.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit

# find_sources FOLDER…: sets files to the C++ sources below these folders. To find none is a failure.
find_sources() {
  mapfile -t files < <(find "$@" -name node_modules -prune -o -type f \( -name '*.h' -o -name '*.cc' \) -print | sort)
  ((${#files[@]} > 0)) && return 0
  echo "found no *.h and no *.cc to check in: $* (below $PWD)"
  exit 1
}
