#!/usr/bin/env bash
# clang-tidy on the product's sources; what was clean before and has not changed is not looked at again.
# Usage: tidy.sh BUILD_DIR (with compile_commands.json)
#
# Most checks look at every declaration, those of libraries too, and that takes most of their time. So they look at a
# folder's files at once, included into one. What looks at the main file only looks at each file.
set -euo pipefail
build=$1
# shellcheck source=sources.bash
source "$(dirname "${BASH_SOURCE[0]}")/sources.bash"
tidy=$(command -v clang-tidy || true)
if [[ -z $tidy ]]; then
  echo "NOT RUN: clang-tidy is not installed (deploy/install_deps.sh --tests installs it)"
  exit 77
fi
cache=$build/tidy-cache
mkdir -p "$cache"
find_sources channel_service ws_edge
mapfile -t sources < <(printf '%s\n' "${files[@]}" | grep '\.cc$')
# A file is clean until it, a header of ours, the configuration, or clang-tidy changes.
common=$({ printf '%s\n' "${files[@]}" | grep '\.h$' | xargs cat .clang-tidy tests/style/tidy.sh proto/*/*/*.proto && "$tidy" --version; } | sha256sum)

# Writes a file for each folder that includes its files, and how each is compiled: as the file with most to include.
python3 -B - "$build/compile_commands.json" "$cache" "${sources[@]}" <<'PYTHON'
import collections, json, os, sys

database, cache, *sources = sys.argv[1:]
commands = {os.path.relpath(entry["file"]): entry for entry in json.load(open(database))}
folders = collections.defaultdict(list)
for source in sources:
    folders[os.path.dirname(source)].append(source)
whole = []
for folder, files in folders.items():
    path = os.path.abspath(os.path.join(cache, folder.replace("/", "_") + ".cc"))
    with open(path, "w") as file:
        file.writelines(f'#include "{os.path.abspath(name)}"\n' for name in files)
    entry = max((commands[name] for name in files if name in commands), key=lambda e: len(e["command"]))
    whole.append(entry | {"file": path, "command": entry["command"].replace(entry["file"], path)})
json.dump(whole, open(os.path.join(cache, "compile_commands.json"), "w"))
PYTHON

# check BUILD_DIR CHECKS FILE…: the checks of the last file, of which the others are parts.
check() {
  local database=$1 checks=$2 file=${*: -1} stamp
  stamp=$cache/$({ cat "${@:3}" && printf '%s' "$common $*"; } | sha256sum | cut -d' ' -f1)
  [[ -e $stamp ]] && return 0
  # GCC's flags are not all known to clang. The analyzer follows calls to small functions only: following all of them takes
  # as long as everything else.
  "$tidy" -p "$database" --quiet --checks="$checks" --extra-arg=-Wno-unknown-warning-option --extra-arg=-Xclang \
    --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=mode=shallow "$file" >"$stamp.out" 2>"$stamp.err" &&
    mv "$stamp.err" "$stamp" && return
  cat "$stamp.out" "$stamp.err" && return 1
}
export -f check
export tidy cache common
{
  for folder in $(printf '%s\n' "${sources[@]}" | xargs -n 1 dirname | sort -u); do
    echo "$cache -clang-analyzer-*,-misc-unused-using-decls,-bugprone-suspicious-include" "$folder"/*.cc "$cache/${folder//\//_}.cc"
  done
  printf "$build -*,clang-analyzer-core.*,clang-analyzer-cplusplus.*,-clang-analyzer-cplusplus.NewDeleteLeaks,misc-unused-using-decls %s\n" \
    "${sources[@]}"
} | xargs -P "$(nproc)" -L 1 bash -c 'check "$@"' check
echo "${#sources[@]} files are clean"
