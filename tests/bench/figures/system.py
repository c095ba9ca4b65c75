"""Edges and service together, at saturation and at a fixed rate, beside peers (rows 6, 6b)."""

import itertools
from dataclasses import dataclass
from statistics import median

from figure import (Check, Column, Figure, Plot, Spread, cpu_us, in_turns, per_second, ratios,
                    series_by)
from swarm import start_all, start_ws_corked

BYTES = 128
WARM_UP_MS = 100
ROUNDS, CELL_MS = {False: 3, True: 7}, {False: 1000, True: 2000}


@dataclass(frozen=True)
class Cell:
    """One measurement."""
    what: str
    senders: int          # of each group
    per_second: int = 0   # publications in all; 0: closed loop

    def measure(self, swarm, milliseconds):
        if self.per_second:
            return swarm.rate(self.per_second, self.senders, BYTES, milliseconds)
        return swarm.saturate(self.senders, BYTES, milliseconds)


@dataclass(frozen=True)
class Shape:
    """Sessions in groups, what is measured with them, and the limits: CPU per delivery relative to
    each peer."""
    sessions: int
    groups: int
    cells: tuple
    limits: dict
    limit_of_rate: float = 0  # least deliveries/s, relative to the best peer


GROUPS_OF_100 = Shape(
    1000, 10, (Cell("10 groups of 100, saturation", 10),),
    {"ws + Redis": 0.25, "socket.io": 0.2, "nats-server": 0.5}, 2)
GROUPS_OF_10 = Shape(
    2000, 200, (Cell("200 groups of 10, saturation", 1),
                Cell("200 groups of 10, 20,000 deliveries/s", 1, 2000)),
    {"ws + Redis": 0.5, "socket.io": 0.33, "nats-server": 0.7})


def rows_of(cells, swarms, rounds):
    for cell in cells:
        for swarm in swarms:
            mine = [a_round[cell, swarm] for a_round in rounds]
            yield {
                "what": cell.what, "senders": cell.senders, "system": swarm.name,
                "cpu": Spread(map(cpu_us, mine)),
                "ratio": "" if swarm is swarms[0] else
                         ratios(rounds, (cell, swarms[0]), (cell, swarm), cpu_us),
                "rate": Spread(map(per_second, mine)),
                "p50": median(result["latency_p50_ns"] / 1e6 for result in mine),
                "p99": median(result["latency_p99_ns"] / 1e6 for result in mine),
            }


def checks_of(shape, swarms, rounds):
    ours = swarms[0]
    limited = [swarm for swarm in swarms if swarm.name in shape.limits]
    for cell in shape.cells:
        for peer in limited:
            yield Check(f"{cell.what}: CPU per delivery / {peer.name}",
                        ratios(rounds, (cell, ours), (cell, peer), cpu_us).median,
                        shape.limits[peer.name])
        if shape.limit_of_rate and limited:
            gain = Spread(per_second(a_round[cell, ours]) /
                          max(per_second(a_round[cell, peer]) for peer in limited)
                          for a_round in rounds)
            yield Check(f"{cell.what}: deliveries/s / the best peer's", gain.median,
                        shape.limit_of_rate, at_most=False)


def plots_of(rows):
    at_saturation = [row for row in rows if "saturation" in row["what"]]
    return [Plot("CPU per delivery of the whole system", "", "µs", "bars",
                 series_by(rows, "system", "what", "cpu"), log_y=True),
            Plot("Deliveries per second", "", "deliveries/s", "bars",
                 series_by(at_saturation, "system", "what", "rate"), log_y=True)]


def measure(run):
    figure = Figure(
        "system", "6, 6b", "Whole systems",
        f"CPU of all server processes per delivery, messages of {BYTES} B. Ours: one channel "
        "service and two edges. The same client, which both sends and receives, in front of all; "
        "at saturation each sender sends its next message when it has its own previous one.",
        columns=[Column("what", "sessions and load"), Column("senders", "senders", "d"),
                 Column("system", "system"), Column("cpu", "CPU µs/delivery", ".2f"),
                 Column("ratio", "ours / it", ".2f"), Column("rate", "deliveries/s", ",.0f"),
                 Column("p50", "p50 ms", ".2f"), Column("p99", "p99 ms", ".2f")])

    def measure_cell(step):
        cell, swarm = step
        cell.measure(swarm, WARM_UP_MS)
        return cell.measure(swarm, CELL_MS[run.full])

    with run.processes() as processes:
        swarms = start_all(run, processes)
        if not run.without_peers:
            swarms.append(start_ws_corked(processes))
        for shape in (GROUPS_OF_100, GROUPS_OF_10):
            for swarm in swarms:
                swarm.gather(shape.sessions, shape.groups)
            rounds = in_turns(itertools.product(shape.cells, swarms), ROUNDS[run.full],
                              measure_cell, run.say)
            figure.rows += rows_of(shape.cells, swarms, rounds)
            figure.checks += checks_of(shape, swarms, rounds)
            for swarm in swarms:
                swarm.close()
    figure.plots = plots_of(figure.rows)
    return figure
