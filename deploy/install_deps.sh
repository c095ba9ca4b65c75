#!/usr/bin/env bash
# Installs the packages of Debian 12 or 13 that building Channel needs; --nats adds the server of
# --engine nats, --tests what the tests need.
# Packages that are there are left alone, so a second run is instant and needs no network.
set -euo pipefail

readonly BUILD_PACKAGES=(g++ cmake ninja-build pkg-config libgrpc++-dev protobuf-compiler-grpc
  protobuf-compiler libprotobuf-dev libabsl-dev libspdlog-dev prometheus-cpp-dev libnats-dev libssl-dev
  libgtest-dev libgmock-dev curl procps)
readonly TEST_PACKAGES=(bats clang clang-tidy libclang-rt-dev chromium libbenchmark-dev iproute2
  nats-server python3 valgrind nginx haproxy openssl)
readonly NATS_PACKAGES=(nats-server)
readonly NODE_PACKAGES=(nodejs npm)
# Packages that come with a service of the same name that systemd starts at once.
readonly SERVICE_PACKAGES=(nats-server nginx haproxy)
readonly NODE_MAJOR_MIN=18 # Debian 12's own, and what the browser tests are written for
# Other versions of clang-format write the same code in other ways, so it is this one everywhere:
# Debian 12's own, elsewhere that of PyPI.
readonly CLANG_FORMAT=clang-format==14.0.6
# Debian has no grpcurl. Its Caddy closes WebSockets when it is reloaded. The replicas of Debian 12's nats-server may
# differ after the death of a machine.
readonly GO_TOOLS=(github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3
  github.com/nats-io/nats-server/v2@v2.10.29
  github.com/caddyserver/caddy/v2/cmd/caddy@v2.10.2)
TOOLS_DIR=$(realpath -m -- "$(dirname -- "${BASH_SOURCE[0]}")/../build/tools")
readonly TOOLS_DIR

# Programs that the build needs, for systems where package names mean nothing to us.
readonly BUILD_TOOLS=(g++ cmake ninja pkg-config protoc grpc_cpp_plugin curl)
readonly TEST_TOOLS=(bats clang++ clang-tidy chromium nats-server valgrind node npm python3 nginx haproxy
  openssl)

die() {
  local code=$1
  shift
  printf 'install_deps.sh: %s\n' "$*" >&2
  exit "$code"
}

usage() {
  cat <<HELP
Usage: install_deps.sh [--nats] [--tests]

Installs what building Channel needs on Debian 12 or 13 and is not there yet, with apt-get (through
sudo when not root). --nats adds nats-server. --tests adds what the tests need (compiler checks, bats,
nats-server, Chromium, Valgrind, nginx, haproxy, Node.js; in build/tools: clang-format 14 where there is
none, and where Go is present grpcurl, Caddy and a newer nats-server). The services that come with
nats-server, nginx and haproxy are stopped and disabled when they are installed here; those that were there
before are left alone.
On other systems it lists what is needed and not there.
Exit codes: 0 all is there, 64 bad usage, 69 something is missing and cannot be installed.
HELP
}

# Prints the number of the Debian release; fails when it is none that we know.
known_debian() (
  [[ -r /etc/os-release ]] || exit 1
  # shellcheck source=/dev/null
  . /etc/os-release
  [[ ${ID-} == debian && ${VERSION_ID-} =~ ^1[23]$ ]] && printf '%s' "$VERSION_ID"
)

# A newer Node.js from elsewhere conflicts with Debian's npm, and does the same work.
has_node() {
  local version
  command -v npm >/dev/null && version=$(node --version 2>/dev/null) || return 1
  version=${version#v}
  [[ ${version%%.*} =~ ^[0-9]+$ ]] && ((${version%%.*} >= NODE_MAJOR_MIN))
}

# Prints those of the packages that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
      printf '%s\n' "$package"
  done
}

missing_tools() {
  local tool PATH=$PATH:/usr/local/sbin:/usr/sbin # where Debian has nats-server
  for tool in "$@"; do command -v "$tool" >/dev/null || printf '%s\n' "$tool"; done
}

install_packages() {
  local as_root=() package
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      die 69 "these packages are missing: $*. Install them as root (there is no sudo here)"
    as_root=(sudo)
  fi
  printf 'Installing %d packages: %s\n' $# "$*"
  "${as_root[@]}" apt-get update -q || die 69 'apt-get update failed'
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "$@" || die 69 "apt-get could not install: $*"
  [[ -d /run/systemd/system ]] || return 0
  for package in "${SERVICE_PACKAGES[@]}"; do
    [[ " $* " == *" $package "* ]] || continue
    # It came with the package just now, and its port is for others.
    "${as_root[@]}" systemctl disable --now "$package" || die 69 "cannot stop the $package of systemd"
  done
}

# Elsewhere the packages have other names: say what is needed, and go on only if it is there.
check_other_system() {
  local missing
  printf 'This is neither Debian 12 nor 13. Needed: a C++20 compiler, CMake 3.25, Ninja, Boost 1.81, gRPC 1.51, protobuf 3.21, Abseil, spdlog, prometheus-cpp, libnats, OpenSSL, GoogleTest, curl.\n' >&2
  mapfile -t missing < <(missing_tools "$@")
  ((${#missing[@]} == 0)) || die 69 "missing here: ${missing[*]}"
}

# Prints nothing and fails when there is no clang-format of the right version.
has_clang_format() {
  command -v clang-format-14 >/dev/null || [[ -x $TOOLS_DIR/clang-format-14 ]]
}

# Without it the test of the format is skipped and says why.
install_clang_format() {
  local python=$TOOLS_DIR/python
  ! has_clang_format || return 0
  printf 'Installing %s with pip\n' "$CLANG_FORMAT"
  python3 -m venv "$python" && "$python/bin/pip" install --quiet "$CLANG_FORMAT" &&
    ln -sf python/bin/clang-format "$TOOLS_DIR/clang-format-14" ||
    printf 'install_deps.sh: pip could not install %s (it needs https://pypi.org)\n' "$CLANG_FORMAT" >&2
}

# Without Go, or a network for it, the tests that need these are skipped and say why.
install_go_tools() {
  local tool name file version
  if ! command -v go >/dev/null; then
    printf 'No Go here (1.21 or later): grpcurl, Caddy and a newer nats-server are not installed.\n'
    return
  fi
  for tool in "${GO_TOOLS[@]}"; do
    name=${tool%@*}
    name=${name%/v[0-9]*}
    name=${name##*/}
    file=$TOOLS_DIR/$name
    version=${tool##*@}
    [[ ! -x $file || $(go version -m "$file" 2>&1) != *$'\tmod\t'*$'\t'"$version"$'\t'* ]] || continue
    printf 'Installing %s with Go\n' "$tool"
    GOBIN=$TOOLS_DIR GOFLAGS='' go install "$tool" ||
      printf 'install_deps.sh: Go could not install %s\n' "$tool" >&2
  done
}

# Tools that no package of the system has.
install_test_tools() {
  install_clang_format
  install_go_tools
}

main() {
  local with_tests=0
  local packages=("${BUILD_PACKAGES[@]}") tools=("${BUILD_TOOLS[@]}") missing word debian boost
  for word in "$@"; do
    case $word in
      --nats)
        packages+=("${NATS_PACKAGES[@]}")
        tools+=("${NATS_PACKAGES[@]}") # has the program's name
        ;;
      --tests)
        packages+=("${TEST_PACKAGES[@]}")
        tools+=("${TEST_TOOLS[@]}")
        with_tests=1
        has_node || packages+=("${NODE_PACKAGES[@]}")
        ;;
      -h | --help)
        usage
        exit 0
        ;;
      *) die 64 "unknown argument $word; try --help" ;;
    esac
  done
  if ! debian=$(known_debian); then
    check_other_system "${tools[@]}"
    ((!with_tests)) || install_test_tools
    return
  fi
  boost=1.81
  [[ $debian == 12 ]] || boost=1.83
  packages+=("libboost$boost-dev" "libboost-json$boost-dev")
  if ((with_tests)) && ! has_clang_format; then
    if [[ $debian == 12 ]]; then packages+=(clang-format-14); else packages+=(python3-venv); fi
  fi
  mapfile -t missing < <(missing_packages "${packages[@]}")
  if ((${#missing[@]} > 0)); then
    install_packages "${missing[@]}"
  else
    printf 'All %d packages are there.\n' "${#packages[@]}"
  fi
  ((!with_tests)) || install_test_tools
}

main "$@"
