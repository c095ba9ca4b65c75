#!/usr/bin/env bats
# The structure of the sources: what may include what is listed in layers.py.
load sources

@test 'the includes follow the layers, without circles' { python3 -B tests/style/layers.py .; }

@test 'no source file has over 400 lines, and half of them at most 150' {
  find_sources channel_service ws_edge
  mapfile -t lines < <(wc -l "${files[@]}" | sed '$d' | sort -n)
  printf '%s\n' "${lines[@]: -3}" "median: ${lines[${#lines[@]} / 2]}"
  read -r longest _ <<<"${lines[-1]}"
  read -r median _ <<<"${lines[${#lines[@]} / 2]}"
  ((longest <= 400 && median <= 150))
}
