"""The figures. Each takes the processes of the run and returns a list of rows (dictionaries)."""

import json
import statistics
import subprocess

from processes import LoadClient, RunFailed, check_faults, resident_bytes

SESSIONS = 1000
FANOUT_ROUNDS = 11
FANOUT_CELL_MS = 600
FANOUT_BYTES = (32, 1024)
# Edge CPU per delivery, relative to raw epoll with one send per delivery.
FANOUT_LIMITS = {1: 1.3, 8: 0.3}

HUB_SUBSCRIBERS = (4, 8)
HUB_ROUNDS = 5
HUB_MS = 1000
HUB_BYTES = 64
HUB_PER_REQUEST = 64

IDLE_SESSIONS = 10_000
IDLE_WARM_SESSIONS = 500


class Spread:
    """Median, least and greatest of the rounds."""

    def __init__(self, values):
        values = list(values)
        self.median, self.least, self.greatest = statistics.median(values), min(values), max(values)

    def json(self):
        return {"median": self.median, "min": self.least, "max": self.greatest}

    def __format__(self, spec):
        return f"{self.median:{spec}} ({self.least:{spec}}-{self.greatest:{spec}})"


def cpu_us(result):
    return result["cpu_ns"] / result["deliveries"] / 1000


def per_second(result):
    return result["deliveries"] / result["wall_ns"] * 1e9


def fanout(processes):
    """Edge CPU per delivery beside a raw sender, interleaved, in an order that turns each round."""
    service = processes.start_service()
    edge = processes.start_edge(service)
    raw_client, raw_pid = LoadClient.facing_raw_sender(processes)
    edge_client = LoadClient.facing_edge(processes, service, edge, "bench-fanout")
    for client in (raw_client, edge_client):
        client.command("connect", SESSIONS)
    edge_client.command("join", "bench-fanout")

    def measure(cell, bytes_each, milliseconds):
        who, pending, together = cell
        client, pid = (raw_client, raw_pid) if who == "raw" else (edge_client, edge.pid)
        return client.run(pid, pending, bytes_each, together, milliseconds)

    # (who, messages pending in a turn, all of them in one send: only for the raw sender)
    baseline, floor = ("raw", 1, 0), ("raw", 8, 1)
    cells = [baseline, ("edge", 1, 0), ("edge", 8, 0), floor]
    plan = [(cell, size) for size in FANOUT_BYTES for cell in cells]
    for cell, size in plan:
        measure(cell, size, 100)
    rounds = []
    for number in range(FANOUT_ROUNDS):
        order = plan if number % 2 == 0 else plan[::-1]
        rounds.append({step: measure(*step, FANOUT_CELL_MS) for step in order})

    rows = []
    for size in FANOUT_BYTES:
        for pending, limit in FANOUT_LIMITS.items():
            mine = [a_round[("edge", pending, 0), size] for a_round in rounds]
            base = [a_round[baseline, size] for a_round in rounds]
            best = [a_round[baseline if pending == 1 else floor, size] for a_round in rounds]
            rows.append({
                "bytes": size, "pending": pending, "limit": limit,
                "raw_us": Spread(map(cpu_us, base)),
                "edge_us": Spread(map(cpu_us, mine)),
                "ratio": Spread(cpu_us(m) / cpu_us(b) for m, b in zip(mine, base)),
                "floor_ratio": Spread(cpu_us(f) / cpu_us(b) for f, b in zip(best, base)),
                "user_share": Spread(m["user_share"] for m in mine),
                "deliveries_per_second": Spread(map(per_second, mine)),
                "deliveries": sum(m["deliveries"] for m in mine),
            })
    return rows


def hub(processes):
    """CPU of the channel service per publication handed to a subscriber."""
    service = processes.start_service()
    results = {count: [] for count in HUB_SUBSCRIBERS}
    for _ in range(HUB_ROUNDS):
        for count in HUB_SUBSCRIBERS:
            client = processes.start("bench_hub_load", service.state["listen"], service.pid, count,
                                     HUB_PER_REQUEST, HUB_BYTES, HUB_MS, stdout=subprocess.PIPE)
            answer = client.stdout.readline()
            if not answer:
                client.wait(5)
                processes.check()
                raise RunFailed("bench_hub_load gave no answer")
            processes.end(client)
            processes.check()
            result = json.loads(answer)
            check_faults(result)
            results[count].append(result)
    return [{
        "subscribers": count, "bytes": HUB_BYTES, "per_request": HUB_PER_REQUEST,
        "hub_us": Spread(map(cpu_us, rounds)),
        "deliveries_per_second": Spread(map(per_second, rounds)),
        "load_us": Spread(r["load_cpu_ns"] / r["deliveries"] / 1000 for r in rounds),
        "deliveries": sum(r["deliveries"] for r in rounds),
    } for count, rounds in results.items()]


def idle(processes):
    """Resident bytes of the edge per session, after the first sessions have warmed it up."""
    service = processes.start_service()
    edge = processes.start_edge(service)
    client = LoadClient.facing_edge(processes, service, edge, "bench-idle", sources=4)
    client.command("connect", IDLE_WARM_SESSIONS)
    client.command("join", "bench-idle")
    client.run(edge.pid, 1, 1024, 0, 1)
    base = resident_bytes(edge.pid)
    rows = []

    def note(state):
        rows.append({"state": state, "sessions": IDLE_SESSIONS,
                     "bytes_per_session": (resident_bytes(edge.pid) - base) / IDLE_SESSIONS})

    total = IDLE_WARM_SESSIONS + IDLE_SESSIONS
    client.command("connect", total)
    processes.wait_metric(edge, "channel_edge_sessions", total)
    note("connected")
    client.command("join", "bench-idle")
    note("and joined to one group")
    client.run(edge.pid, 1, 1024, 0, 1)
    note("and after a message of 1 KiB to all")
    return rows
