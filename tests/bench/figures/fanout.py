"""CPU of the edge per delivery in one group, beside a raw sender (rows 1 and 2)."""

from dataclasses import dataclass

from figure import (Check, Column, Figure, Plot, Spread, cpu_us, in_turns, per_second, ratios,
                    series_by)
from fleet import Fleet

GROUP = "bench-fanout"
WARM_MS = 100
# The cost of a socket depends on its place in memory, and stays so as long as it lives: by 10 % and
# more with many sockets. So everything is set up several times.
SETUPS = 3
# At most so much of the CPU of one send(2) per delivery, by messages pending and bytes of each.
LIMITS = {1: {32: 1.15, 256: 1.15, 1024: 1.15, 4096: 1.15},
          8: {32: 0.20, 256: 0.20, 1024: 0.25, 4096: 0.30}}


@dataclass(frozen=True)
class Cell:
    who: str
    pending: int
    way: int  # of the raw sender: 1 = all that is pending in one send


BASELINE, FLOOR = Cell("raw", 1, 0), Cell("raw", 8, 1)
EDGE = {1: Cell("edge", 1, 0), 8: Cell("edge", 8, 0)}
CELLS = [BASELINE, EDGE[1], EDGE[8], FLOOR]


def measure_sessions(run, sessions, sizes, rounds, cell_ms):
    """All sizes with so many sessions: for each round the result of each (cell, size)."""
    with run.processes() as processes:
        service = processes.start_service()
        edge = processes.start_edge(service)
        fleets = {"raw": Fleet.facing_raw(processes),
                  "edge": Fleet.facing_edges(processes, service, [edge], GROUP)}
        Fleet.connect_in_turns([(fleet, sessions) for fleet in fleets.values()])
        fleets["edge"].join(GROUP)

        def measure(step, milliseconds=cell_ms):
            cell, size = step
            return fleets[cell.who].run(cell.pending, size, cell.way, milliseconds)

        plan = [(cell, size) for size in sizes for cell in CELLS]
        for step in plan:
            measure(step, WARM_MS)
        run.say(f"{sessions:,} sessions are there")
        return in_turns(plan, rounds, measure)


def make_row(sessions, size, pending, results):
    mine = [result[EDGE[pending], size] for result in results]
    base = [result[BASELINE, size] for result in results]
    return {
        "sessions": sessions, "bytes": size, "pending": pending,
        "raw_us": Spread(map(cpu_us, base)), "edge_us": Spread(map(cpu_us, mine)),
        "ratio": ratios(results, (EDGE[pending], size), (BASELINE, size), cpu_us),
        "limit": LIMITS[pending][size],
        "floor": ratios(results, (BASELINE if pending == 1 else FLOOR, size), (BASELINE, size),
                        cpu_us).median,
        "user": Spread(result["user_share"] for result in mine).median,
        "rate": Spread(map(per_second, mine)).median,
    }


def make_plot(rows, pending):
    mine = [row | {"payload": f"{row['bytes']:,} B"} for row in rows if row["pending"] == pending]
    what = "One message" if pending == 1 else f"{pending} messages"
    return Plot(f"{what} pending in each turn of the edge's loop", "payload",
                "edge CPU / raw CPU", "bars", series_by(mine, "sessions", "payload", "ratio"),
                limit=("limit", [LIMITS[pending][size]
                                 for size in sorted({row["bytes"] for row in mine})]))


def measure(run):
    if run.full:
        blocks = {1000: (32, 256, 1024, 4096), 10_000: (32, 256, 1024, 4096)}
        rounds, cell_ms = 4, 600
    else:
        blocks = {1000: (32, 4096), 10_000: (32,)}
        rounds, cell_ms = 3, 220
    results = {sessions: [] for sessions in blocks}
    for _ in range(SETUPS):
        for sessions, sizes in blocks.items():
            results[sessions] += measure_sessions(run, sessions, sizes, rounds, cell_ms)
    rows = [make_row(sessions, size, pending, results[sessions])
            for sessions, sizes in blocks.items() for size in sizes for pending in (1, 8)]
    checks = [Check(f"edge / raw: {row['sessions']:,} sessions, {row['bytes']:,} B, "
                    f"{row['pending']} pending", row["ratio"].median, row["limit"])
              for row in rows]
    return Figure(
        "fanout", "1, 2", "Fan-out: what a delivery costs the edge",
        "CPU time of the edge for each message that it hands to a session, all sessions in one "
        "group, beside the same frames sent by a bare epoll loop with one send(2) for each. "
        f"Median (least-greatest) of {SETUPS * rounds} rounds, with {SETUPS} setups.",
        columns=[Column("sessions", "sessions", ","), Column("bytes", "payload B", ","),
                 Column("pending", "pending"), Column("raw_us", "raw µs", ".2f"),
                 Column("edge_us", "edge µs", ".2f"), Column("ratio", "edge / raw", ".2f"),
                 Column("limit", "limit", ".2f"), Column("floor", "floor", ".2f"),
                 Column("user", "user", ".0%"), Column("rate", "deliveries/s", ",.0f")],
        rows=rows, checks=checks,
        plots=[make_plot(rows, pending) for pending in (1, 8)])
