#!/usr/bin/env bats
# cmake --install: what is installed works from where it is. Installs the build that CHANNEL_BIN_DIR belongs to.
load support

readonly build=${bin_dir%/bin}
setup() {
  [[ -f $build/cmake_install.cmake ]] || skip "$bin_dir is not in a build directory of CMake"
  prefix="$scratch/a prefix"
}

# is_whole DIRECTORY PREFIX: everything is there, and the units name PREFIX, where it will be.
is_whole() {
  local file module modules
  for file in bin/{channel_service,ws_edge,channel_probe,channelctl} lib/systemd/system/channel-service.service \
    lib/systemd/system/channel-edge@.service share/channel/web/{channel.js,channel.d.ts,package.json,client/{index.js,events.d.ts}} \
    share/channel/proto/channel/v1/channel.proto share/channel/three_machines/start.sh \
    share/doc/channel/{README.md,LICENSE,channel.env.example,deploy/{README.md,LIMITS.md,proxies/nginx.conf}} \
    share/doc/channel/{proto/{websocket.md,channel/v1/channel.proto},ws_edge/README.md,tests/golden/README.md}; do
    [[ -r $1/$file ]] || { echo "$file is missing" && false; }
  done
  python3 -B "$root/tests/style/documents.py" --links "$1/share/doc/channel"
  grep -qF '](proto/websocket.md)' "$1/share/doc/channel/README.md" # a link that leads somewhere stays
  # Every module that a file below share/channel/web imports is there too.
  mapfile -t modules < <(grep -roE "from '\.[^']*'" "$1/share/channel/web" --include='*.js')
  ((${#modules[@]} > 0))
  for module in "${modules[@]}"; do
    file=${module%%:*} module=${module#*\'}
    [[ -r ${file%/*}/${module%\'} ]] || { echo "$file imports ${module%\'}, which is missing" && false; }
  done
  grep -q "^ExecStart=\"$2/bin/channel_service\" " "$1/lib/systemd/system/channel-service.service"
  grep -q "^ExecStart=\"$2/bin/ws_edge\" " "$1/lib/systemd/system/channel-edge@.service"
  not grep -r '@CHANNEL' "$1/lib/systemd"
}
@test 'everything is installed below the prefix, and units name it' {
  run_for 0 cmake --install "$build" --prefix "$prefix"
  is_whole "$prefix" "$prefix"
}
# As for a package.
@test 'DESTDIR comes before the prefix, and is named nowhere' {
  local place=/opt/channel-test-$ws_port # a name that no machine has
  DESTDIR=$scratch/dest run_for 0 cmake --install "$build" --prefix "$place"
  is_whole "$scratch/dest$place" "$place"
  [[ ! -e $place ]]
}

runs_from() { [[ $(readlink "/proc/$(pid_of "$1")/exe") == "$2" ]]; }
pair_delivers() { # installed below $1
  unset CHANNEL_BIN_DIR
  run_for 0 "$1/bin/channelctl" start -d
  runs_from channel-1 "$1/bin/channel_service"
  runs_from edge-2 "$1/bin/ws_edge"
  run_for 0 "$1/bin/channel_probe" "--ws=127.0.0.1:$ws_port" "--grpc=127.0.0.1:$grpc_port"
  run_for 0 "$1/bin/channelctl" stop
}
@test 'the installed channelctl starts the installed programs, and they deliver' { pair_delivers "$prefix"; }
@test 'so it does after the prefix was moved' {
  mv "$prefix" "$scratch/moved"
  pair_delivers "$scratch/moved"
}
