"""Edges and service together, at saturation and at a fixed rate, beside peers (rows 6, 6b)."""

from dataclasses import dataclass
from statistics import median

from figure import Check, Column, Figure, Plot, Series, Spread, cpu_us, per_second
from swarm import start_all, start_ws_corked

BYTES = 128
WARM_UP_MS = 100
ROUNDS, CELL_MS = {False: 3, True: 7}, {False: 1000, True: 2000}
SWEEP_ROUNDS, SWEEP_MS, SWEEP_SENDERS = 5, 1000, (1, 10, 100)


@dataclass(frozen=True)
class Cell:
    """What one measurement does."""
    key: str
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
    1000, 10, (Cell("100", "10 groups of 100, saturation", 10),),
    {"ws + Redis": 0.25, "socket.io": 0.2, "nats-server": 0.5}, 2)
GROUPS_OF_10 = Shape(
    2000, 200, (Cell("10", "200 groups of 10, saturation", 1),
                Cell("10 at a rate", "200 groups of 10, 20,000 deliveries/s", 1, 2000)),
    {"ws + Redis": 0.5, "socket.io": 0.33, "nats-server": 0.7})

COLUMNS = [
    Column("what", "sessions and load"), Column("senders", "senders", "d"),
    Column("system", "system"), Column("cpu", "CPU µs/delivery", ".2f"),
    Column("ratio", "ours / it", ".2f"), Column("rate", "deliveries/s", ",.0f"),
    Column("p50", "p50 ms", ".2f"), Column("p99", "p99 ms", ".2f"),
    Column("load", "client µs", ".2f"),
]


def interleaved(run, swarms, cells, rounds, milliseconds):
    """Rounds of (cell key, system name) to result. The order turns each round."""
    plan = [(cell, swarm) for cell in cells for swarm in swarms]
    results = []
    for number in range(rounds):
        a_round = {}
        for cell, swarm in plan if number % 2 == 0 else plan[::-1]:
            cell.measure(swarm, WARM_UP_MS)
            a_round[cell.key, swarm.name] = cell.measure(swarm, milliseconds)
        results.append(a_round)
        run.say(f"round {number + 1} of {rounds}")
    return results


def cpu_ratio(cell, ours, peer, rounds):
    return Spread(cpu_us(a_round[cell.key, ours]) / cpu_us(a_round[cell.key, peer])
                  for a_round in rounds)


def rows_of(cells, swarms, rounds):
    ours = swarms[0].name
    for cell in cells:
        for swarm in swarms:
            mine = [a_round[cell.key, swarm.name] for a_round in rounds]
            yield {
                "what": cell.what, "senders": cell.senders, "system": swarm.name,
                "cpu": Spread(map(cpu_us, mine)),
                "ratio": "" if swarm.name == ours else cpu_ratio(cell, ours, swarm.name, rounds),
                "rate": Spread(map(per_second, mine)),
                "p50": median(result["latency_ns"]["p50"] / 1e6 for result in mine),
                "p99": median(result["latency_ns"]["p99"] / 1e6 for result in mine),
                "load": median(result["load_cpu_ns"] / result["deliveries"] / 1000
                               for result in mine),
                "cpu_each": [[ns / result["deliveries"] / 1000 for ns in result["cpu_ns_each"]]
                             for result in mine],
                "deliveries": sum(result["deliveries"] for result in mine),
            }


def checks_of(shape, swarms, rounds):
    ours, *peers = (swarm.name for swarm in swarms)
    for cell in shape.cells:
        for peer in shape.limits:
            if peer not in peers:
                continue
            yield Check(f"{cell.what}: CPU per delivery / {peer}",
                        cpu_ratio(cell, ours, peer, rounds).median, shape.limits[peer])
        if shape.limit_of_rate and peers:
            gain = Spread(per_second(a_round[cell.key, ours]) /
                          max(per_second(a_round[cell.key, peer]) for peer in shape.limits)
                          for a_round in rounds)
            yield Check(f"{cell.what}: deliveries/s / the best peer's", gain.median,
                        shape.limit_of_rate, at_most=False)


def sweep(run, figure, swarms):
    """From one sender in each group to all of them: how far the load batches."""
    cells = [Cell(f"sweep {senders}", GROUPS_OF_100.cells[0].what, senders)
             for senders in SWEEP_SENDERS]
    rows = list(rows_of(cells, swarms,
                        interleaved(run, swarms, cells, SWEEP_ROUNDS, SWEEP_MS)))
    figure.rows += [row for row in rows if row["senders"] != GROUPS_OF_100.cells[0].senders]
    for key, title, label in (("cpu", "CPU per delivery, by senders of each group of 100",
                               "µs of all server processes"),
                              ("rate", "Deliveries per second, by senders of each group of 100",
                               "deliveries/s")):
        figure.plots.append(Plot(title, "senders in each group", label, "lines", [
            Series(swarm.name, [(row["senders"], row[key]) for row in rows
                                if row["system"] == swarm.name]) for swarm in swarms],
            log_x=True, log_y=True))


def bars(figure, swarms):
    for key, title, label in (("cpu", "CPU per delivery of the whole system", "µs"),
                              ("rate", "Deliveries per second", "deliveries/s")):
        cells = GROUPS_OF_100.cells + GROUPS_OF_10.cells
        if key == "rate":
            cells = [cell for cell in cells if not cell.per_second]
        figure.plots.append(Plot(title, "", label, "bars", [
            Series(swarm.name, [(cell.what, row[key]) for cell in cells for row in figure.rows
                                if (row["what"], row["senders"], row["system"]) ==
                                (cell.what, cell.senders, swarm.name)]) for swarm in swarms],
            log_y=True))


def measure(run):
    figure = Figure(
        "system", "6, 6b", "Whole systems",
        f"CPU of all server processes per delivery, messages of {BYTES} B. Ours: one channel "
        "service and two edges. The same client, which both sends and receives, in front of all; "
        "at saturation each sender sends its next message when it has its own previous one.",
        columns=COLUMNS)
    with run.processes() as processes:
        swarms = start_all(run, processes)
        if not run.without_peers:
            swarms.append(start_ws_corked(processes))
        for shape in (GROUPS_OF_100, GROUPS_OF_10):
            for swarm in swarms:
                swarm.gather(shape.sessions, shape.groups)
            rounds = interleaved(run, swarms, shape.cells, ROUNDS[run.full], CELL_MS[run.full])
            figure.rows += rows_of(shape.cells, swarms, rounds)
            figure.checks += checks_of(shape, swarms, rounds)
            if run.full and shape is GROUPS_OF_100:
                sweep(run, figure, swarms)
            for swarm in swarms:
                swarm.close()
    bars(figure, swarms)
    if not run.without_peers:
        figure.notes += [
            "\"ws + Redis\" broadcasts as the README of ws does, socket.send for each member: the "
            "limits of CPU and of deliveries/s are for it. \"corked\" is the same program with "
            "what our edge does built around ws by hand (frames made once, one write for each "
            "socket and turn): reported, without a limit",
            "socket.io is tuned in that way, too: what it flushes together leaves in one write. "
            "nats-server is one process, without another hop",
            "senders: members of each group that send. More of them, more messages pending for a "
            "session at a time; --full shows 1, 10 and 100 in groups of 100, the limits are for 10"]
    return figure
