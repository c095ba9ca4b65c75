"""Whether a node more is capacity more: nodes of the channel service that share one log."""

import peers
from figure import Check, Column, Figure, Plot, Spread, in_turns, ratios, series_by
from load_clients import measure_together
from processes import PeerMissing, RunFailed, Skipped, metric

NODES = 3
BYTES = 128
TOGETHER, IN_FLIGHT = 64, 256   # of each node's share of the load
GROUPS = 64                     # of each node's share
HELD = 256                      # publications of a group that the stream holds
CAPACITY_MIN = 0.8 * NODES
ALONE, SHARED = "one node", f"{NODES} nodes, each with its own groups"


def measure_load(processes, nodes, nats, publications):
    """CPU time of each publication: in the node that took it, in nats-server; publications/s. The
    load, NODES shares in all, in equal parts on the nodes."""
    shares = NODES // len(nodes)
    results = measure_together(processes, [{
        "system": "stream", "address": node.state["listen"], "pids": f"{node.pid},{nats.pids[0]}",
        "first_group": index * GROUPS, "groups": shares * GROUPS, "together": TOGETHER,
        "in_flight": shares * IN_FLIGHT, "bytes": BYTES, "warm_up": shares * publications // 4,
        "publications": shares * publications} for index, node in enumerate(nodes)])
    # nats-server worked for the publications of all of them meanwhile.
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
    if any(metric(node, "channel_engine_foreign_total") != [0] for node in nodes):
        raise RunFailed("a node received what its subscribers do not hold")


def measure_rounds(run, rounds, publications):
    with run.processes() as processes:
        try:
            nats = peers.start_jetstream(processes)
        except PeerMissing as missing:
            raise Skipped(missing) from None
        nodes = [processes.start_service("--engine=nats", f"--nats_url=nats://{nats.address}")
                 for _ in range(NODES)]
        run.say(f"{HELD} publications to each of {NODES * GROUPS} groups")
        measure_load(processes, nodes[:1], nats, GROUPS * HELD)

        def measure_system(name):
            some = nodes if name == SHARED else nodes[:1]
            result = measure_load(processes, some, nats, publications)
            check_foreign(nodes)
            return result
        return in_turns([ALONE, SHARED], rounds, measure_system, run.say)


def measure(run):
    rounds, publications = (9, 20_000) if run.full else (5, 8_000)
    results = measure_rounds(run, rounds, publications)
    loads_of = {name: [a_round[name] for a_round in results] for name in (ALONE, SHARED)}
    rows = [{
        "system": name,
        "node": Spread(sum(load["node"]) / len(load["node"]) for load in loads),
        "nats": Spread(load["nats"] for load in loads),
        "capacity": Spread(capacity(load) for load in loads),
        "rate": Spread(load["rate"] for load in loads).median,
    } for name, loads in loads_of.items()]
    gain = ratios(results, SHARED, ALONE, capacity)
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
                    series_by([row | {"x": ""} for row in rows], "system", "x", "capacity"))],
        notes=["all processes share this machine's cores, so publications/s here do not grow; one "
               "nats-server stands behind all nodes, and its CPU time bounds them together"])
