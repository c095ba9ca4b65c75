"""The cost of a publication with --engine=nats, beside a plain JetStream client."""

import itertools
from dataclasses import dataclass

import peers
from figure import (Check, Column, Figure, Plot, Spread, cpu_us, in_turns, per_second, ratios,
                    series_by)
from load_clients import measure_pubsub
from processes import PeerMissing, Skipped

BYTES = 128
LIMIT = 1.5
TOGETHER = 64  # publications that are sent together when there is room for them
INTERVAL_US = 3000
NATS, PEER, MEMORY = "--engine=nats", "JetStream client", "--engine=memory"


@dataclass(frozen=True)
class Load:
    """In a full stream each publication lets the oldest one of its group go; otherwise the groups
    have not had HELD publications in the whole run."""
    groups: int
    in_flight: int
    full: bool

    @property
    def label(self):
        if self.in_flight == 1:
            return f"one each {INTERVAL_US / 1000:g} ms"
        state = "full" if self.full else "not full"
        return f"{self.groups:,} groups ({state}), {self.in_flight:,} on their way"


HELD = 256  # publications of a group that a stream holds
QUICK = [Load(64, 256, True), Load(1024, 1024, False)]
FULL = [Load(groups, in_flight, groups == 64) for groups in (64, 1024) for in_flight in (256, 1024)]
THEN = Load(1024, 1024, True)  # with --full, after the others: this nats-server needs long for it
LOW = Load(64, 1, True)        # a publication each INTERVAL_US
# So few that no group of FULL which is not to be full has had HELD, with a warm-up of a quarter.
PUBLICATIONS = {False: 20_000, True: 14_000}


def start_systems(run, processes):
    """The names of the systems, and a function that measures a load of one once."""
    try:
        nats = peers.start_jetstream(processes)
    except PeerMissing as missing:
        if run.without_peers:
            raise Skipped(missing) from None
        raise
    service = processes.start_service("--engine=nats", f"--nats_url=nats://{nats.address}",
                                      "--nats_stream=OURS")
    memory = processes.start_service()
    servers = {NATS: ("stream", service.state["listen"], [service.pid, *nats.pids]),
               MEMORY: ("stream", memory.state["listen"], [memory.pid])}
    if not run.without_peers:
        other = peers.start_jetstream(processes)
        servers[PEER] = "jetstream", other.address, other.pids

    def measure_load(name, groups, in_flight, publications, interval_us=0):
        system, address, pids = servers[name]
        return measure_pubsub(
            processes, system=system, address=address, pids=",".join(map(str, pids)),
            groups=groups, together=min(TOGETHER, in_flight), in_flight=in_flight, bytes=BYTES,
            warm_up=publications // 4, publications=publications, interval_us=interval_us)
    return list(servers), measure_load


def fill(run, names, measure_load, groups):
    """From here on the streams of so many groups are full."""
    run.say(f"{HELD} publications to each of {groups:,} groups")
    for name in names:
        measure_load(name, groups, 1024, groups * HELD)


def measure_rounds(run, loads, rounds, low_publications):
    """The names of the systems, and for each round the result of each (load, system)."""
    with run.processes() as processes:
        names, measure_load = start_systems(run, processes)

        def measure_step(step):
            """The nats-servers have stored the same all the time: a run has a number of
            publications, not a time."""
            load, name = step
            amount = (low_publications, INTERVAL_US) if load is LOW else (PUBLICATIONS[run.full],)
            return measure_load(name, load.groups, load.in_flight, *amount)

        def measure_loads(some):
            fill(run, names, measure_load, some[0].groups)
            return in_turns(itertools.product(some, names), rounds, measure_step, run.say)

        results = measure_loads([*loads, LOW])
        if run.full:
            for a_round, more in zip(results, measure_loads([THEN])):
                a_round |= more
    return names, results


def parts_us(result, name):
    """CPU of each publication in nats-server, and in what stands in front of it: channel_service,
    or the peer's client."""
    each = [ns / result["publications"] / 1000 for ns in result["cpu_each_ns"]]
    if name == MEMORY:
        return 0, each[0]
    return each if name == PEER else each[::-1]


def make_row(load, name, names, results):
    mine = [result[load, name] for result in results]
    row = {
        "load": load.label, "system": name,
        "us": Spread(map(cpu_us, mine)), "rate": Spread(map(per_second, mine)).median,
        "front": Spread(parts_us(result, name)[1] for result in mine).median,
        "nats": Spread(parts_us(result, name)[0] for result in mine).median,
    }
    if PEER in names and name == NATS:
        row["ratio"] = ratios(results, (load, name), (load, PEER), cpu_us)
    for what in ("acknowledge", "deliver"):
        for p in ("p50", "p99"):
            row[f"{what} {p}"] = Spread(result[f"{what}_{p}_ns"] / 1e6 for result in mine).median
    return row


def make_plots(rows):
    busy = [row for row in rows if row["load"] != LOW.label]
    lonely = [row | {"p": p, "ms": row[f"deliver {p}"]}
              for row in rows if row["load"] == LOW.label for p in ("p50", "p99")]
    return [Plot(f"CPU of a publication of {BYTES} B, all processes", "", "µs", "bars",
                 series_by(busy, "system", "load", "us")),
            Plot(f"From publishing to delivery, {LOW.label}", "", "ms", "bars",
                 series_by(lonely, "system", "p", "ms"))]


def measure(run):
    loads, rounds, low = (FULL, 7, 600) if run.full else (QUICK, 5, 200)
    names, results = measure_rounds(run, loads, rounds, low)
    if run.full:
        loads = [*loads, THEN]
    order = [name for name in (NATS, PEER, MEMORY) if name in names]
    rows = [make_row(load, name, names, results) for load in [*loads, LOW] for name in order]
    return Figure(
        "engine", "", "The engine on JetStream: what a publication costs, and how long it takes",
        f"CPU time for each publication of {BYTES} B that is stored, acknowledged, and delivered "
        "once. Ours: channel_service and its nats-server, in front of them a gRPC client that does "
        "not count. Peer: a client on libnats that publishes asynchronously to the same stream, "
        f"and its nats-server. Median (least-greatest) of {rounds} rounds.",
        columns=[Column("load", "load"), Column("system", "system"), Column("us", "CPU µs", ".1f"),
                 Column("front", "service or client µs", ".1f"),
                 Column("nats", "nats-server µs", ".1f"), Column("ratio", "ours / peer", ".2f"),
                 Column("rate", "publications/s", ",.0f"),
                 *(Column(f"{what} {p}", f"{heading} {p} ms", ".2f")
                   for what, heading in (("acknowledge", "answer"), ("deliver", "delivery"))
                   for p in ("p50", "p99"))],
        rows=rows,
        checks=[Check(f"CPU of {NATS} / {PEER}, {row['load']}", row["ratio"].median, LIMIT)
                for row in rows if "ratio" in row and row["load"] != LOW.label],
        plots=make_plots(rows),
        notes=["ours has one publication of a group at a time in nats-server, the peer as many as "
               "are on their way",
               "percentiles are medians of the rounds'"])
