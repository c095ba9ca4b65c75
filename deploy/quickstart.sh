#!/usr/bin/env bash
# From a fresh Debian 12 or 13 to a running pair that has carried a real message: packages, build, start,
# proof. Every step is quick when its work is done already.
set -euo pipefail

here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
root=${here%/*}
readonly here root
ctl=$here/channelctl

step() { printf '\n== %s\n' "$*"; }
die() {
  local code=$1
  shift
  printf 'quickstart.sh: %s\n' "$*" >&2
  exit "$code"
}

usage() {
  cat <<HELP
Usage: quickstart.sh [--engine E] [--nodes M] [--edges N] [--no-start] [--preset P]

Installs the packages that are missing, builds, starts one channel_service and N
ws_edge processes as a daemon and sends one real message: a gRPC publication that two WebSocket
clients on different edge processes must receive. A pair that runs and is well is used as it is.

  --engine E   memory (default), or nats: with a nats-server that keeps the publications
  --nodes M    with --engine nats: so many channel_service processes; each must prove it (1)
  --edges N    WebSocket processes, at least 2 (default: one per processor, at least 2)
  --no-start   install and build only
  --preset P   the CMake preset to build and start (release)

Addresses and the run directory are those of channelctl; see channelctl --help for the environment.
HELP
}

read_arguments() {
  edges='' start=yes preset=release engine=${CHANNEL_ENGINE-} nodes=${CHANNEL_NODES-}
  while (($# > 0)); do
    case $1 in
      --edges)
        (($# > 1)) || die 64 '--edges needs a value'
        edges=$2
        shift
        ;;
      --edges=*) edges=${1#*=} ;;
      --engine | --nodes)
        (($# > 1)) || die 64 "$1 needs a value"
        printf -v "${1#--}" '%s' "$2"
        shift
        ;;
      --engine=*) engine=${1#*=} ;;
      --nodes=*) nodes=${1#*=} ;;
      --no-start) start=no ;;
      --preset=*) preset=${1#*=} ;;
      --preset)
        (($# > 1)) || die 64 '--preset needs a value'
        preset=$2
        shift
        ;;
      -h | --help)
        usage
        exit 0
        ;;
      *) die 64 "unknown argument $1; try --help" ;;
    esac
    shift
  done
  [[ -z $engine || $engine == memory || $engine == nats ]] ||
    die 64 "--engine must be memory or nats, not '$engine'"
  [[ -z $nodes || $nodes =~ ^[1-9][0-9]?$ ]] || die 64 "--nodes must be a number, not '$nodes'"
  [[ ${nodes:-1} == 1 || $engine == nats ]] || die 64 "--nodes $nodes needs --engine nats"
  [[ $preset =~ ^[a-z]+$ ]] || die 64 "--preset must be a name, not '$preset'"
  bin_dir=$root/build/$preset/bin
  if [[ -n $edges ]]; then
    if [[ ! $edges =~ ^[0-9]{1,3}$ ]] || ((10#$edges < 2)); then
      die 64 "--edges must be a number of at least 2, not '$edges': the proof needs two processes"
    fi
  fi
}

build() {
  step 'Building (the first time takes some minutes)'
  cd -- "$root"
  cmake --preset "$preset"
  cmake --build --preset "$preset"
}

# Sets status_text and status_code.
ask_status() {
  status_code=0
  status_text=$("$ctl" status 2>&1) || status_code=$?
}

running_edges() { grep -c "^edge-" <<<"$status_text" || true; }
running_nodes() { grep -c "^channel-" <<<"$status_text" || true; }
running_engine() { sed -n 's/.* engine: \([a-z]*\) .*/\1/p' <<<"$status_text"; }

# Whether what runs is not what was asked for.
differs() {
  [[ -n $edges && $((10#$edges)) != "$(running_edges)" || -n $nodes && $nodes != "$(running_nodes)" ||
    -n $engine && $engine != "$(running_engine)" ]]
}

# Whether a program is newer than the start of what runs: then that would not prove what was built.
is_outdated() {
  local run_dir
  run_dir=$(sed -n 's/.*run directory: //p' <<<"$status_text")
  [[ $bin_dir/channel_service -nt $run_dir/config || $bin_dir/ws_edge -nt $run_dir/config ]]
}

ensure_running() {
  local flags=(${edges:+--edges "$edges"} ${engine:+--engine "$engine"} ${nodes:+--nodes "$nodes"})
  step 'Starting'
  ask_status
  if ((status_code == 3)); then
    default_edges=$(nproc)
    ((default_edges >= 2)) || default_edges=2
    CHANNEL_EDGES=${CHANNEL_EDGES:-$default_edges} "$ctl" start -d "${flags[@]}"
  elif ((status_code != 0)); then
    printf '%s\n' "$status_text" >&2
    die "$status_code" "what runs is not well; cure it first: $ctl restart -d"
  elif is_outdated; then
    echo 'What runs is older than the programs: restarting it with its settings.'
    "$ctl" restart -d "${flags[@]}"
  elif differs; then
    echo "It runs with engine $(running_engine), $(running_nodes) nodes and $(running_edges) edges:" \
      "restarting it with ${flags[*]}."
    "$ctl" restart -d "${flags[@]}"
  else
    echo 'It runs already and is well:'
    printf '%s\n' "$status_text"
  fi
}

# Sets ws and grpcs, of which grpc is the first, from what really runs; and engine.
find_addresses() {
  ask_status
  ((status_code == 0)) || die "$status_code" "$status_text"
  engine=$(running_engine)
  ws=$(sed -n 's|^listen: websocket://\([^ ]*\) .*|\1|p' <<<"$status_text")
  mapfile -t grpcs < <(sed -n '/^listen: /p' <<<"$status_text" | grep -o 'grpc://[^ ]*' | cut -c 8-)
  # A server that listens everywhere is reached over loopback.
  ws=${ws/#0.0.0.0:/127.0.0.1:}
  grpcs=("${grpcs[@]/#0.0.0.0:/127.0.0.1:}")
  grpc=${grpcs[0]}
  (($(running_edges) >= 2)) ||
    die 1 "one edge process runs and the proof needs two: $ctl restart -d --edges 2"
}

prove() {
  local address
  step 'Proof: one gRPC publication, two WebSocket clients on different edge processes'
  for address in "${grpcs[@]}"; do
    ((${#grpcs[@]} == 1)) || echo "through $address:"
    # gRPC would send even loopback through a proxy.
    timeout 30 env -u grpc_proxy -u https_proxy -u http_proxy \
      "$bin_dir/channel_probe" "--ws=$ws" "--grpc=$address" --clients=2 ||
      die 1 "the message did not arrive; look at: $ctl status; $ctl logs"
  done
  echo ok
}

say_what_acknowledged_means() {
  cat <<NEXT

Acknowledged means:  with the engine nats a publication is in files of nats-server: it survives the death
                     of every process. This NATS does not fsync before it answers: a power cut of all
                     machines that hold the stream may take the last of them.
NEXT
}

# The same publication twice: with what was built here, and with what people know.
say_how_to_publish() {
  local grpcurl=grpcurl
  printf 'From a back end:     %s publish --grpc=%s --group=123 --message=Hello\n' "$bin_dir/channel_probe" "$grpc"
  if [[ -x $root/build/tools/grpcurl ]] && ! command -v grpcurl >/dev/null; then grpcurl=$root/build/tools/grpcurl; fi
  printf '  or with grpcurl:   %s -plaintext -d '\''{"group_id":"123","message":"Hello"}'\'' %s channel.v1.ChannelService/Publish\n' \
    "$grpcurl" "$grpc"
  command -v "$grpcurl" >/dev/null ||
    echo '                     (not here; with Go: go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3)'
}

say_what_next() {
  local run_dir_words=''
  [[ -z ${CHANNEL_RUN_DIR-} ]] || printf -v run_dir_words ' --run_dir %q' "$CHANNEL_RUN_DIR"
  cat <<NEXT

Chat in a browser:   http://$ws/?group=123
$(say_how_to_publish)
What runs:           $ctl status$run_dir_words
Stop:                $ctl stop$run_dir_words
NEXT
  [[ $engine != nats ]] || say_what_acknowledged_means
}

main() {
  read_arguments "$@"
  step 'Packages'
  if [[ $engine == nats && -z ${CHANNEL_NATS_URL-}${CHANNEL_NATS_URL_FILE-} ]]; then
    "$here/install_deps.sh" --nats
  else
    "$here/install_deps.sh"
  fi
  build
  [[ $start == yes ]] || exit 0
  export CHANNEL_BIN_DIR=$bin_dir
  ensure_running
  find_addresses
  prove
  say_what_next
}

main "$@"
exit
