"""CPU per delivery from few to many members, and from few to many groups (row 10)."""

from dataclasses import dataclass

from figure import Check, Column, Figure, Plot, Series, Spread, cpu_us, in_turns, ratios
from fleet import Fleet

BYTES = 32
SESSIONS = 10_000  # of the cells that differ in groups
MEMBERS_OF_ONE_MAX = 20_000  # more need several edges: descriptors
WARM_MS = 100
FLAT = 1.2  # greatest / least of edge / raw
# No pings: many edges are idle while one is measured.
QUIET_EDGE = "--ping_interval=1h"


@dataclass(frozen=True)
class Cell:
    """`groups` in `parts` of equal size: each session is in one group of each part, and each turn
    brings one message to all groups of one part, so every session has one message pending."""
    sessions: int
    groups: int = 1
    parts: int = 1

    @property
    def servers(self):
        return 1 if self.sessions < MEMBERS_OF_ONE_MAX else 3

    @property
    def raw(self):
        """Sockets and order of sending (see load/message.h) of the raw sender beside it."""
        return self.sessions, self.groups // self.parts

    @property
    def members(self):
        return self.sessions * self.parts // self.groups

    @property
    def name(self):
        return f"bench-{self.sessions}-{self.groups}-"


# Each turn brings 10,000 deliveries (to each edge), so that what it costs once weighs the same.
MEMBERS = [Cell(SESSIONS, 100), Cell(SESSIONS, 10), Cell(SESSIONS)]
GROUPS = [Cell(SESSIONS), Cell(SESSIONS, 100), Cell(SESSIONS, 10_000, 10)]
MANY_MEMBERS, MANY_GROUPS = Cell(50_000), Cell(SESSIONS, 100_000, 100)


def measure_cells(run, cells, rounds, cell_ms):
    """For each round the result of each cell, and of the raw sender with as many sockets. One of
    several setups (see fanout.py)."""
    with run.processes() as processes:
        service = processes.start_service()
        raw, edges, steps = {}, {}, {}  # steps: what is measured: the fleet, and the way to send
        for cell in cells:
            if cell.sessions not in raw:
                raw[cell.sessions] = Fleet.facing_raw(processes, cell.servers)
            own = [processes.start_edge(service, QUIET_EDGE) for _ in range(cell.servers)]
            edges[cell] = Fleet.facing_edges(processes, service, own,
                                             f"{cell.name}:{cell.groups}:{cell.parts}")
            steps[cell.raw] = raw[cell.sessions], cell.raw[1] if cell.groups > 1 else 0
            steps[cell] = edges[cell], 0
        Fleet.connect_in_turns([(fleet, sessions) for sessions, fleet in raw.items()] +
                               [(fleet, cell.sessions) for cell, fleet in edges.items()])
        for cell, fleet in edges.items():
            fleet.join(cell.name, cell.groups, cell.parts)
        run.say(f"{len(cells)} systems are set up")

        def measure_step(step, milliseconds=cell_ms):
            fleet, way = steps[step]
            return fleet.run(1, BYTES, way, milliseconds)

        for step in steps:
            measure_step(step, WARM_MS)
        return in_turns(steps, rounds, measure_step)


def make_row(cell, results):
    mine = [result[cell] for result in results]
    base = [result[cell.raw] for result in results]
    return {
        "sessions": cell.sessions, "groups": cell.groups, "members": cell.members,
        "edges": cell.servers, "memberships": cell.parts,
        "raw_us": Spread(map(cpu_us, base)), "edge_us": Spread(map(cpu_us, mine)),
        "ratio": ratios(results, cell, cell.raw, cpu_us),
    }


def greatest_to_least(rows):
    medians = [row["ratio"].median for row in rows]
    return max(medians) / min(medians)


def make_plots(rows, key, title):
    def line(name, value):
        return Series(name, [(row[key], row[value]) for row in rows])
    least = min(row["ratio"].median for row in rows)
    return [Plot(f"CPU per delivery, {title}", key, "µs", "lines",
                 [line("edge", "edge_us"), line("raw", "raw_us")], log_x=True),
            Plot(f"Edge beside raw, {title}", key, "edge CPU / raw CPU", "lines",
                 [line("edge / raw", "ratio")], log_x=True,
                 limit=("20 % above the least", least * FLAT))]


def measure(run):
    members, groups = list(MEMBERS), list(GROUPS)
    if run.full:
        members.append(MANY_MEMBERS)
        groups.append(MANY_GROUPS)
    setups, rounds, cell_ms = (3, 5, 800) if run.full else (2, 3, 140)
    cells = list(dict.fromkeys(members + groups))
    results = [result for _ in range(setups)
               for result in measure_cells(run, cells, rounds, cell_ms)]
    rows = {cell: make_row(cell, results) for cell in cells}
    by_members, by_groups = ([rows[cell] for cell in some] for some in (members, groups))
    return Figure(
        "scale", "10", "Growth: the same cost for few and for many",
        "CPU time of the edge per delivery, one message pending for each session, with more and "
        "more members in a group, and with more and more groups. Flat means: the greatest edge / "
        f"raw is at most 1.2 times the least. Median (least-greatest) of {setups * rounds} rounds, "
        f"with {setups} setups.",
        columns=[Column("sessions", "sessions", ","), Column("groups", "groups", ","),
                 Column("members", "members each", ","), Column("edges", "edges"),
                 Column("raw_us", "raw µs", ".2f"), Column("edge_us", "edge µs", ".2f"),
                 Column("ratio", "edge / raw", ".2f")],
        rows=list(rows.values()),
        checks=[Check(f"edge / raw, greatest to least, 100 to {by_members[-1]['members']:,} "
                      "members of a group", greatest_to_least(by_members), FLAT),
                Check(f"edge / raw, greatest to least, 1 to {by_groups[-1]['groups']:,} groups",
                      greatest_to_least(by_groups), FLAT)],
        plots=[*make_plots(by_members, "members", "members of a group"),
               *make_plots(by_groups, "groups", f"{SESSIONS:,} sessions in groups")],
        notes=["raw: one send(2) per delivery to as many sockets, in the order in which the groups "
               "have them",
               "a turn is one message to each session: where a session is in several groups, to "
               "one of them, in the next turn to the next"])
