"""Sessions that say nothing: their memory, and with --full 100,000 of them (row 8)."""

import pathlib
import time

from figure import Check, Column, Figure, Plot, Series, Spread
from fleet import Fleet
from processes import LoadClient, resident_bytes

SESSIONS = 10_000
WARM_SESSIONS = 500
BYTES_PER_SESSION_MAX = 4096
BYTES = 1024
GROUP = "bench-idle"
SAID_BYTES = (128, 60_000)
SAID_BYTES_PER_SESSION_MAX = (4096, 4608)
NOBODY = "bench-nobody"

MANY_SESSIONS = 100_000
MANY_EDGES = 8  # 12,500 sessions each; a process may have 20,000 descriptors here
MANY_GROUPS = 10_000
MANY_BYTES = 128
BROADCASTS = 7
ALL, GROUPS = 0, 1  # the sets of groups of the publisher


class Table:
    """Rows of a number with its unit."""

    def __init__(self):
        self.rows = []

    def add(self, what, value, unit="", digits=0):
        self.rows.append({"what": what, "value": value, "unit": unit,
                          "text": f"{value:,.{digits}f}"})


def measure_memory(run, table):
    """Growth per session of one edge, in five states, from 500 to 10,500 sessions."""
    points = []
    with run.processes() as processes:
        service = processes.start_service()
        edge = processes.start_edge(service)
        client = LoadClient.facing_edge(processes, service, edge, GROUP, sources=4)
        client.command("connect", WARM_SESSIONS)
        client.command("join", GROUP)
        client.run(edge.pid, 1, BYTES, 0, 1)
        base = resident_bytes(edge.pid)

        def note(state):
            grown = (resident_bytes(edge.pid) - base) / SESSIONS
            points.append((state, grown))
            table.add(f"{SESSIONS:,} sessions, {state}: edge's memory per session", grown, "B")

        client.command("connect", WARM_SESSIONS + SESSIONS)
        processes.wait_metric(edge, "channel_edge_sessions", WARM_SESSIONS + SESSIONS)
        note("connected")
        client.command("join", GROUP)
        note("joined to a group")
        client.run(edge.pid, 1, BYTES, 0, 1)
        note("after a 1 KiB message")
        for number, said in enumerate(SAID_BYTES, 1):
            client.command("say", said, NOBODY)
            processes.wait_metric(edge, "channel_edge_messages_received_total",
                                  (1 + number) * (WARM_SESSIONS + SESSIONS) + WARM_SESSIONS)
            processes.wait_zero(edge, "channel_edge_publications_unanswered")
            note(f"after each has sent {said:,} B")
    return points


def kernel_memory():
    """MiB in socket buffers (/proc/net/sockstat, in pages), and in the kernel's objects."""
    page = 4096
    tcp = pathlib.Path("/proc/net/sockstat").read_text().split("TCP:")[1].split("\n")[0].split()
    slab = pathlib.Path("/proc/meminfo").read_text().split("Slab:")[1].split()[0]
    return int(tcp[tcp.index("mem") + 1]) * page / 2**20, int(slab) / 2**10


def measure_many(run, table):
    """100,000 sessions on several edges. Returns how long each broadcast took, in ms, and
    how many sessions had every one."""
    with run.processes() as processes:
        service = processes.start_service()
        edges = [processes.start_edge(service) for _ in range(MANY_EDGES)]
        with Fleet.facing_edges(processes, service, edges, "bench-all",
                                f"bench-of-ten-:{MANY_GROUPS}:1") as fleet:
            before = sum(map(resident_bytes, fleet.pids))
            _, slab_before = kernel_memory()
            start = time.monotonic()
            fleet.connect(MANY_SESSIONS)
            table.add(f"{MANY_SESSIONS:,} sessions: connected after", time.monotonic() - start, "s",
                      1)
            run.say(f"{MANY_SESSIONS:,} sessions are connected")
            start = time.monotonic()
            fleet.join("bench-all", way=ALL)
            fleet.join("bench-of-ten-", MANY_GROUPS, 1, way=GROUPS)
            table.add(f"joined to the group of all and to one of {MANY_GROUPS:,} of 10 after",
                      time.monotonic() - start, "s", 1)
            run.say(f"they joined {MANY_GROUPS:,} groups and one more")
            buffers, slab = kernel_memory()
            milliseconds, reached = {}, []
            for name, way in (("one message to all", ALL),
                              ("one message to each group", GROUPS)):
                turns = [fleet.turn(1, MANY_BYTES, way) for _ in range(BROADCASTS)]
                fleet.await_strays()
                reached += [turn["deliveries"] for turn in turns]
                milliseconds[name] = Spread(turn["wall_ns"] / 1e6 for turn in turns)
                table.add(f"{name} ({MANY_BYTES} B): all {turns[0]['deliveries']:,} sessions have "
                          "it after", milliseconds[name].median, "ms")
            after = sum(map(resident_bytes, fleet.pids))
            table.add(f"resident memory of the {MANY_EDGES} edges", after / 2**20, "MiB")
            table.add("of it per session, with its share of the groups",
                      (after - before) / MANY_SESSIONS, "B")
            table.add("resident memory of the service", resident_bytes(service.pid) / 2**20, "MiB")
            table.add("kernel's objects per session (both ends of its connection)",
                      (slab - slab_before) * 2**20 / MANY_SESSIONS, "B")
            table.add("kernel's socket buffers before the broadcasts", buffers, "MiB", 1)
            table.add("after them", kernel_memory()[0], "MiB", 1)
    return milliseconds, min(reached)


def measure(run):
    table = Table()
    points = measure_memory(run, table)
    heard, said = points[:-len(SAID_BYTES)], points[-len(SAID_BYTES):]
    checks = [Check(f"user-space bytes of an idle session, {SESSIONS:,} sessions",
                    max(value for _, value in heard), BYTES_PER_SESSION_MAX)]
    checks += [Check(f"the same, {state}", value, limit)
               for (state, value), limit in zip(said, SAID_BYTES_PER_SESSION_MAX)]
    plots, notes = [], ["user-space memory: growth of the edge's VmRSS, after 500 sessions"]
    text = "What a session that says nothing costs the edge: growth of its resident memory."
    if run.full:
        milliseconds, reached = measure_many(run, table)
        checks.append(Check(f"sessions held, in {MANY_GROUPS:,} groups and in one, that had each "
                            "broadcast", reached, MANY_SESSIONS, at_most=False))
        plots.append(Plot(f"Until all of {MANY_SESSIONS:,} sessions have it", "", "ms", "bars",
                          [Series("time", list(milliseconds.items()))]))
        text += (f" Then {MANY_SESSIONS:,} sessions at once, on {MANY_EDGES} edges, each in two "
                 "groups, and messages to all of them; every session is checked.")
        notes.append(f"median of {BROADCASTS} broadcasts; the clients take their share of the "
                     "same machine")
    else:
        notes.append(f"--full also holds {MANY_SESSIONS:,} sessions and sends to all of them")
    plots.insert(0, Plot("Memory of a session on the edge", "", "bytes", "bars",
                         [Series("bytes per session", points)],
                         limit=("limit", BYTES_PER_SESSION_MAX)))
    return Figure("idle", "8", "Idle sessions: what they cost", text,
                  columns=[Column("what", ""), Column("text", "measured"), Column("unit", "")],
                  rows=table.rows, checks=checks, plots=plots, notes=notes)
