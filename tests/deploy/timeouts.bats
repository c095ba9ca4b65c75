#!/usr/bin/env bats
# deploy/channelctl when processes freeze or do not get ready: what has to wait for the product's own time-outs.
load support

@test 'status and reload tell which process does not answer, and it is killed and started again' {
  local frozen
  starts
  frozen=$(pid_of edge-1)
  unsupervised
  kill -STOP "$frozen"
  ctl 1 status
  says '^edge-1 .*\[NO ANSWER\]'
  ctl 1 reload
  says 'edge-1 does not answer'
  supervised
  soon status_says '^edge-1 .* 1 +up'
  all_gone "$frozen"
}
@test 'stop leaves nothing after a frozen edge either' { stop_leaves_nothing; }
@test 'stop kills a frozen process or supervisor, ends the rest and says so' {
  local pids name
  for name in edge-2 supervisor; do
    starts
    mapfile -t pids < <(all_pids)
    kill -STOP "$(pid_of $name)"
    ctl 1 stop
    says "had to kill $name"
    stopped_clean "${pids[@]}"
  done
}
@test 'a process that does not get ready is named' {
  # An edge that looks for its service at the wrong place.
  ctl 69 start -d --edge_flags "--channel=127.0.0.1:$spare_port" --ready_time 15
  says 'start failed: edge-1 is not ready after 15 s'
  stopped_clean
}
