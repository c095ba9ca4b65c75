"""CPU of the hub per delivery to a subscriber, beside nats-server and Redis (row 4)."""

from dataclasses import dataclass

import peers
from figure import Check, Column, Figure, Plot, Series, Spread, cpu_us, per_second
from processes import measure_once

BYTES = 64
SUBSCRIBERS = (4, 8)
LIMIT = 0.75
OURS, NATS, REDIS = "channel_service", "nats-server", "Redis PUBLISH"


@dataclass(frozen=True)
class Load:
    """A publisher's way: so many publications in each request or write, so many on their way."""
    system: str
    batch: int
    in_flight: int

    @property
    def label(self):
        return f"{self.system}, {self.batch}"


# As an edge publishes that is busy; the limits hold for this one.
MAIN = Load(OURS, 64, 1024)
# Peers: the ways that cost them least among 16 to 1,024 together and 512 to 32,768 on their way.
QUICK = [MAIN, Load(NATS, 256, 4096), Load(REDIS, 64, 1024)]
FULL = [Load(OURS, 16, 1024), MAIN, Load(OURS, 256, 4096),
        Load(NATS, 64, 1024), Load(NATS, 256, 4096),
        Load(REDIS, 64, 1024), Load(REDIS, 256, 4096)]


def start_servers(run, processes):
    """For each system a function that measures one load once."""
    service = processes.start_service()
    measures = {OURS: lambda *rest: measure_once(
        processes, "bench_hub_load", service.state["listen"], service.pid, *rest)}

    def add_peer(system, protocol, port, pid):
        measures[system] = lambda *rest: measure_once(
            processes, "bench_pubsub", protocol, port, pid, *rest)

    if not run.without_peers:
        nats = peers.start_nats(processes, websocket=False)
        add_peer(NATS, "nats", nats.tcp_port, *nats.pids)
        redis = peers.start_redis(processes)
        add_peer(REDIS, "redis", *redis.ports, *redis.pids)

    def measure_load(load, subscribers, milliseconds):
        return measures[load.system](subscribers, load.batch, load.in_flight, BYTES,
                                     milliseconds)
    return measures.keys(), measure_load


def measure_rounds(run, loads, rounds, milliseconds):
    """For each round the result of each (load, subscribers)."""
    with run.processes() as processes:
        systems, measure_load = start_servers(run, processes)
        plan = [(load, count) for count in SUBSCRIBERS for load in loads if load.system in systems]
        results = []
        for number in range(rounds):
            order = plan if number % 2 == 0 else plan[::-1]
            results.append({step: measure_load(*step, milliseconds) for step in order})
            run.say(f"round {number + 1} of {rounds}")
    return plan, results


def best_of(system, subscribers, plan, results):
    """The system's load with the least median."""
    mine = [step for step in plan if step[0].system == system and step[1] == subscribers]
    return min(mine, default=None,
               key=lambda step: Spread(cpu_us(result[step]) for result in results).median)


def ratio_of(step, other, results):
    return Spread(cpu_us(result[step]) / cpu_us(result[other]) for result in results)


def make_row(step, results):
    load, subscribers = step
    mine = [result[step] for result in results]
    return {
        "system": load.system, "subscribers": subscribers, "batch": load.batch,
        "in_flight": load.in_flight, "us": Spread(map(cpu_us, mine)),
        "ratio": "" if load == MAIN else ratio_of((MAIN, subscribers), step, results),
        "rate": Spread(map(per_second, mine)).median,
        "load_us": Spread(r["load_cpu_ns"] / r["deliveries"] / 1000 for r in mine).median,
    }


def make_checks(plan, results):
    for subscribers in SUBSCRIBERS:
        for system in (NATS, REDIS):
            if best := best_of(system, subscribers, plan, results):
                yield Check(f"hub / {system}, {subscribers} subscribers",
                            ratio_of((MAIN, subscribers), best, results).median, LIMIT)


def make_plot(rows, loads):
    series = [Series(load.label, [(f"{row['subscribers']} subscribers", row["us"]) for row in rows
                                  if (row["system"], row["batch"]) == (load.system, load.batch)])
              for load in loads]
    return Plot(f"Server CPU per delivery of {BYTES} B (and how many a publisher sends together)",
                "", "µs", "bars", [one for one in series if one.points])


def measure(run):
    loads, rounds, milliseconds = (FULL, 7, 800) if run.full else (QUICK, 5, 350)
    plan, results = measure_rounds(run, loads, rounds, milliseconds)
    rows = [make_row(step, results) for step in plan]
    return Figure(
        "hub", "4", "The hub: what a publication costs for each subscriber",
        f"CPU time of the server for each publication of {BYTES} B that it hands to a subscriber. "
        "One publisher sends several together, as an edge does; each subscriber has a connection "
        f"of its own. All servers are up at once; median (least-greatest) of {rounds} rounds.",
        columns=[Column("system", "system"), Column("subscribers", "subscribers"),
                 Column("batch", "together"), Column("in_flight", "on their way", ","),
                 Column("us", "CPU µs", ".3f"), Column("ratio", "hub / it", ".2f"),
                 Column("rate", "deliveries/s", ",.0f"), Column("load_us", "client µs", ".3f")],
        rows=rows, checks=list(make_checks(plan, results)), plots=[make_plot(rows, loads)],
        notes=[f"hub / it: of channel_service with {MAIN.batch} together and {MAIN.in_flight:,} on "
               "their way. Peers were tried with 16 to 1,024 together and 512 to 32,768 on their "
               "way; each is compared where it costs least",
               "channel_service orders, numbers, keeps and answers every publication; nats-server "
               "does none of it, Redis answers with the number of receivers (without its answers, "
               "CLIENT REPLY OFF, it cost 3 % less)",
               "clients: bench_hub_load speaks gRPC, bench_pubsub the others' protocols by hand; "
               "what they cost is not in the figure"])
