"""CPU of the hub per delivery to a subscriber, beside nats-server and Redis (row 4)."""

from dataclasses import dataclass

import peers
from figure import (Check, Column, Figure, Plot, Spread, cpu_us, in_turns, per_second, ratios,
                    series_by)
from load_clients import measure_pubsub

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


# As an edge publishes that is busy; the limits hold for this one.
MAIN = Load(OURS, 64, 1024)
# Peers: the ways that cost them least among 16 to 1,024 together and 512 to 32,768 on their way.
LOADS = [MAIN, Load(NATS, 256, 4096), Load(REDIS, 64, 1024)]


def start_servers(run, processes):
    """The flags by which bench_pubsub reaches each system."""
    service = processes.start_service()
    servers = {OURS: {"system": "stream", "address": service.state["listen"],
                      "pids": service.pid}}
    if not run.without_peers:
        nats = peers.start_nats(processes, websocket=False)
        servers[NATS] = {"system": "nats", "address": nats.address, "pids": nats.pids[0]}
        redis = peers.start_redis(processes)
        servers[REDIS] = {"system": "redis", "address": redis.address, "pids": redis.pids[0]}
    return servers


def measure_rounds(run, rounds, milliseconds):
    """For each round the result of each (load, subscribers)."""
    with run.processes() as processes:
        servers = start_servers(run, processes)
        plan = [(load, count) for count in SUBSCRIBERS for load in LOADS if load.system in servers]

        def measure_step(step):
            load, subscribers = step
            return measure_pubsub(processes, **servers[load.system], subscribers=subscribers,
                                  together=load.batch, in_flight=load.in_flight, bytes=BYTES,
                                  milliseconds=milliseconds)

        return plan, in_turns(plan, rounds, measure_step, run.say)


def make_row(step, results):
    load, subscribers = step
    mine = [result[step] for result in results]
    return {
        "system": load.system, "subscribers": subscribers, "batch": load.batch,
        "load": f"{load.system}, {load.batch}", "receivers": f"{subscribers} subscribers",
        "in_flight": load.in_flight, "us": Spread(map(cpu_us, mine)),
        "ratio": "" if load == MAIN else ratios(results, (MAIN, subscribers), step, cpu_us),
        "rate": Spread(map(per_second, mine)).median,
    }


def measure(run):
    rounds, milliseconds = (7, 800) if run.full else (5, 350)
    plan, results = measure_rounds(run, rounds, milliseconds)
    rows = [make_row(step, results) for step in plan]
    return Figure(
        "hub", "4", "The hub: what a publication costs for each subscriber",
        f"CPU time of the server for each publication of {BYTES} B that it hands to a subscriber. "
        "One publisher sends several together, as an edge does; each subscriber has a connection "
        f"of its own. All servers are up at once; median (least-greatest) of {rounds} rounds.",
        columns=[Column("system", "system"), Column("subscribers", "subscribers"),
                 Column("batch", "together"), Column("in_flight", "on their way", ","),
                 Column("us", "CPU µs", ".3f"), Column("ratio", "hub / it", ".2f"),
                 Column("rate", "deliveries/s", ",.0f")],
        rows=rows,
        checks=[Check(f"hub / {row['system']}, {row['subscribers']} subscribers",
                      row["ratio"].median, LIMIT) for row in rows if row["ratio"]],
        plots=[Plot(
            f"Server CPU per delivery of {BYTES} B (and how many a publisher sends together)", "", "µs",
            "bars", series_by(rows, "load", "receivers", "us"))],
        notes=["channel_service orders, numbers, keeps and answers every publication; nats-server "
               "does none of it, Redis answers with the number of receivers (without its answers, "
               "CLIENT REPLY OFF, it cost 3 % less)"])
