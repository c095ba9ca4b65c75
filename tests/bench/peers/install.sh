#!/usr/bin/env bash
# Installs what the bench compares Channel with: nats-server, redis-server and Node.js from Debian's
# packages, and the npm packages of this folder; and matplotlib, which draws its plots. It leaves
# alone what is there already, so a second run is instant and needs no network. Exit codes: 0 all is there, 69 something cannot be installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
PATH+=:/usr/local/sbin:/usr/sbin # where Debian puts nats-server, also for who is not root

readonly NODE_MAJOR_MIN=18 # Debian 12's own

die() {
  printf 'peers/install.sh: %s\n' "$*" >&2
  exit 69
}

# A newer Node.js from elsewhere conflicts with Debian's npm, and does the same work.
has_node() {
  local version
  command -v npm >/dev/null && version=$(node --version 2>/dev/null) || return 1
  version=${version#v}
  [[ ${version%%.*} =~ ^[0-9]+$ ]] && ((${version%%.*} >= NODE_MAJOR_MIN))
}

install_packages() {
  local as_root=()
  command -v apt-get >/dev/null || die "install these programs by hand: $*"
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "these packages are missing: $*. Install them as root (there is no sudo here)"
    as_root=(sudo)
  fi
  printf 'Installing %d packages: %s\n' $# "$*"
  "${as_root[@]}" apt-get update -q || die 'apt-get update failed'
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "$@" || die "apt-get could not install: $*"
  printf 'These packages may have started services. The bench does not use them: it starts processes of its own.\n'
}

main() {
  local packages=() program
  for program in nats-server redis-server; do # packages have the programs' names
    command -v "$program" >/dev/null || packages+=("$program")
  done
  /usr/bin/python3 -c 'import matplotlib' 2>/dev/null || packages+=(python3-matplotlib)
  has_node || packages+=(nodejs npm)
  ((${#packages[@]} == 0)) || install_packages "${packages[@]}"
  if [[ ! node_modules/.package-lock.json -nt package-lock.json ]]; then # npm writes it last
    printf 'Installing the npm packages of tests/bench/peers\n'
    npm ci --no-audit --no-fund --ignore-scripts --loglevel=error ||
      die 'npm ci failed in tests/bench/peers'
  fi
}

main
