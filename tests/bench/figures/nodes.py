"""Whether a node more is capacity more: nodes of the channel service that share one log."""

import peers
from figure import Check, Column, Figure, Plot, Series, Spread
from processes import PeerMissing, RunFailed, Skipped, http_get, measure_together

NODES = 3
BYTES = 128
TOGETHER, IN_FLIGHT = 64, 256   # of each node's share of the load
GROUPS = 64                     # of each node's share
HELD = 256                      # publications of a group that the stream holds
CAPACITY_MIN = 0.8 * NODES
ALONE, SHARED = "one node", f"{NODES} nodes, each with its own groups"


def commands(nodes, nats, publications):
    """The load, in equal parts on the nodes; it is NODES shares in all."""
    shares = NODES // len(nodes)
    return [("bench_engine_load", node.state["listen"], index * GROUPS, shares * GROUPS, TOGETHER,
             shares * IN_FLIGHT, BYTES, shares * publications, 0, node.pid, *nats.pids)
            for index, node in enumerate(nodes)]


def measure_load(processes, nodes, nats, publications):
    """CPU time of each publication: in the node that took it, in nats-server; publications/s."""
    results = measure_together(processes, commands(nodes, nats, publications))
    # What nats-server used meanwhile was for the publications of all of them.
    nats_ns = sum(result["cpu_each_ns"][1] for result in results) / len(results)
    count = sum(result["publications"] for result in results)
    return {
        "node": [result["cpu_each_ns"][0] / result["publications"] / 1000 for result in results],
        "nats": nats_ns / count / 1000,
        "rate": count / max(result["wall_ns"] for result in results) * 1e9,
    }


def capacity(load):
    """Publications in a second if each node had one core for itself."""
    return sum(1e6 / us for us in load["node"])


def check_foreign(nodes):
    for node in nodes:
        for line in http_get(node, "/metrics").splitlines():
            if line.startswith("channel_engine_foreign_total ") and float(line.split()[1]) > 0:
                raise RunFailed(f"a node received what its subscribers do not hold: {line}")


def measure_rounds(run, rounds, publications):
    results = {ALONE: [], SHARED: []}
    with run.processes() as processes:
        try:
            nats = peers.start_jetstream(processes)
        except PeerMissing as missing:
            raise Skipped(missing) from None
        url = f"nats://{peers.HOST}:{nats.tcp_port}"
        nodes = [processes.start_service("--engine=nats", f"--nats_url={url}")
                 for _ in range(NODES)]
        run.say(f"{HELD} publications to each of {NODES * GROUPS} groups")
        measure_load(processes, nodes[:1], nats, GROUPS * HELD)
        for number in range(rounds):
            for name in ([ALONE, SHARED] if number % 2 == 0 else [SHARED, ALONE]):
                results[name].append(measure_load(
                    processes, nodes if name == SHARED else nodes[:1], nats, publications))
            check_foreign(nodes)
            run.say(f"round {number + 1} of {rounds}")
    return results


def measure(run):
    rounds, publications = (9, 20_000) if run.full else (5, 8_000)
    results = measure_rounds(run, rounds, publications)
    rows = [{
        "system": name,
        "node": Spread(sum(load["node"]) / len(load["node"]) for load in loads),
        "nats": Spread(load["nats"] for load in loads),
        "capacity": Spread(capacity(load) for load in loads),
        "rate": Spread(load["rate"] for load in loads).median,
    } for name, loads in results.items()]
    gain = Spread(capacity(shared) / capacity(alone)
                  for alone, shared in zip(results[ALONE], results[SHARED]))
    rows[1]["gain"] = gain
    return Figure(
        "nodes", "", f"--engine=nats: what {NODES} nodes can do more than one",
        f"CPU time for each publication of {BYTES} B that is stored, acknowledged, and delivered "
        f"once, on the node that its publisher and its subscriber are connected to. The same load "
        f"of {NODES * GROUPS} groups on one node, and in equal parts on {NODES}. Capacity is "
        "computed of it: publications in a second if each node had one core for itself. Median "
        f"(least-greatest) of {rounds} rounds.",
        columns=[Column("system", "system"), Column("node", "node µs", ".1f"),
                 Column("nats", "nats-server µs", ".1f"),
                 Column("capacity", "capacity, publications/s", ",.0f"),
                 Column("gain", "of one node's", ".2f"),
                 Column("rate", "publications/s here", ",.0f")],
        rows=rows,
        checks=[Check(f"capacity of {NODES} nodes / one", gain.median, CAPACITY_MIN,
                      at_most=False)],
        plots=[Plot("Capacity of the nodes, computed", "", "publications/s", "bars",
                    [Series(row["system"], [("", row["capacity"])]) for row in rows])],
        notes=["no node received a publication of a group that its subscribers do not hold "
               "(channel_engine_foreign_total, looked at in each round)",
               "all processes share this machine's cores, so publications/s here do not grow; one "
               "nats-server stands behind all nodes, and its CPU time bounds them together"])
