#!/usr/bin/env bats
# Arrows point one way: base, model, wire → engine → hub → rpc → server; the two engines do not know
# each other. ws_edge uses base, model and wire of channel_service, and nothing but tests uses ws_edge.
load sources

# forbid FOLDER PATTERN WHY: no file below FOLDER includes what matches PATTERN, "FOLDER/" or
# "FOLDER/(NAME|NAME…)". All names must exist: a rule about a folder that has moved says nothing.
forbid() {
  local found name names
  find_sources "$1"
  IFS='()|' read -ra names <<<"$2"
  for name in "${names[@]:1}"; do
    compgen -G "${names[0]}$name*" >/dev/null && continue
    echo "the rule '$3' names ${names[0]}$name, which does not exist"
    failed=1
  done
  found=$(grep -nE "#include \"($2)" "${files[@]}" || true)
  if [[ -n $found ]]; then
    printf '%s\n%s\n' "$3:" "$found"
    failed=1
  fi
}

@test 'the includes follow the layers' {
  failed=0
  forbid channel_service ws_edge/ "channel_service must not use ws_edge"
  forbid channel_service/base 'channel_service/(model|wire|limits|engine|hub|rpc|server)' "base uses nothing above it"
  forbid channel_service/model 'channel_service/(base|wire|limits|engine|hub|rpc|server)' "model is values alone"
  forbid channel_service/wire 'channel_service/(limits|engine|hub|rpc|server)' "wire uses base and model"
  forbid channel_service/engine 'channel_service/(hub|rpc|server)' "engine uses wire, model and base"
  for file in channel_service/engine/*.h channel_service/engine/*.cc; do
    forbid "$file" 'channel_service/engine/(memory|jetstream)/' "what engines share uses no engine"
  done
  forbid channel_service/engine/memory 'channel_service/engine/(jetstream)' "the engines do not know each other"
  forbid channel_service/engine/jetstream 'channel_service/engine/(memory)' "the engines do not know each other"
  forbid channel_service/hub 'channel_service/(engine/memory|engine/jetstream|rpc|server)' "hub uses the engine's contract"
  forbid channel_service/rpc 'channel_service/(engine/memory|engine/jetstream|server)' "rpc uses the hub and the engine's contract"
  forbid ws_edge 'channel_service/(engine|hub|rpc|server|limits)' "ws_edge uses base, model and wire only"
  forbid ws_edge/net 'ws_edge/(protocol|upstream|session|router|group|edge_server)' "net is below the rest"
  forbid ws_edge/protocol 'ws_edge/(upstream|session|router|group|edge_server)' "protocol is below the rest"
  forbid ws_edge/upstream 'ws_edge/(net|protocol|session|router|group|edge_server)' "upstream is below the rest"
  ((!failed))
}
