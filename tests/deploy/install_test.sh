#!/usr/bin/env bash
# cmake --install: what is installed works from where it is. Installs the build that CHANNEL_BIN_DIR
# belongs to.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
# shellcheck source=support.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/support.sh"

readonly build=${bin_dir%/bin}
[[ -f $build/cmake_install.cmake ]] || {
  echo "NOT RUN: $bin_dir is not in a build directory of CMake"
  exit 77
}

installs() { run cmake --install "$build" --prefix "$prefix" && exits 0; }
everything_is_there() {
  local file
  for file in bin/{channel_service,ws_edge,channel_probe,channelctl} lib/systemd/system/channel-service.service \
    lib/systemd/system/channel-edge@.service share/channel/web/{channel.js,channel.d.ts,package.json,client/core.js} \
    share/channel/proto/channel/v1/channel.proto share/channel/three_machines/start.sh \
    share/doc/channel/{README.md,LICENSE,channel.env.example,deploy/{README.md,proxies/nginx.conf}}; do
    out="$file is missing"
    [[ -r $1/$file ]] || return 1
  done
}
# Every module that a file below share/channel/web imports is there too.
modules_are_whole() {
  local file module count=0
  while IFS=: read -r file module; do
    module=${module#*\'}
    out="$file imports ${module%\'}, which is missing"
    [[ -r ${file%/*}/${module%\'} ]] || return 1
    ((count += 1))
  done < <(grep -roE "from '\.[^']*'" "$1/share/channel/web" --include='*.js')
  ((count > 0))
}
# unit_names_program FILE PROGRAM
unit_names_program() {
  out=$(grep '^ExecStart=' "$1")
  [[ $out == "ExecStart=\"$2\" "* ]] && ! grep -q '@CHANNEL' "$1"
}
units_name_what_is_installed() {
  unit_names_program "$1/lib/systemd/system/channel-service.service" "$2/bin/channel_service" &&
    unit_names_program "$1/lib/systemd/system/channel-edge@.service" "$2/bin/ws_edge"
}
everything_is_installed() {
  installs && everything_is_there "$prefix" && modules_are_whole "$prefix" && units_name_what_is_installed "$prefix" "$prefix"
}
# As for a package: the files are below DESTDIR, and name the place where they will be.
destdir_is_respected() {
  local place=/opt/${scratch##*/} # a name that no machine has
  DESTDIR=$scratch/dest run cmake --install "$build" --prefix "$place" && exits 0 &&
    everything_is_there "$scratch/dest$place" &&
    units_name_what_is_installed "$scratch/dest$place" "$place" && ! [[ -e $place ]]
}

runs_from() { [[ $(readlink "/proc/$(pid_of "$1")/exe") == "$2" ]]; }
installed_pair_delivers() {
  unset CHANNEL_BIN_DIR
  run "$1/bin/channelctl" start -d && exits 0 && runs_from channel-1 "$1/bin/channel_service" &&
    runs_from edge-2 "$1/bin/ws_edge" || return 1
  run "$1/bin/channel_probe" "--ws=127.0.0.1:$ws_port" "--grpc=127.0.0.1:$grpc_port"
  exits 0 && run "$1/bin/channelctl" stop && exits 0
}
moved_prefix_works() {
  mv "$prefix" "$scratch/moved" && installed_pair_delivers "$scratch/moved"
}

install() {
  prefix="$scratch/a prefix"
  it 'everything is installed below the prefix, and units name it' everything_is_installed
  it 'DESTDIR comes before the prefix, and is named nowhere' destdir_is_respected
  it 'the installed channelctl starts the installed programs, and they deliver' installed_pair_delivers "$prefix"
  it 'so it does after the prefix was moved' moved_prefix_works
}

at_once install
finish
