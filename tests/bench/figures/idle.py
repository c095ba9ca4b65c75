"""Sessions that say nothing: their memory, and with --full 100,000 of them (row 8)."""

from figure import Check, Column, Figure, Plot, Series, Spread
from fleet import Fleet
from processes import resident_bytes

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


def measure_memory(run):
    """Growth per session of one edge, in five states, from 500 to 10,500 sessions."""
    points = []
    with run.processes() as processes:
        service = processes.start_service()
        edge = processes.start_edge(service)
        fleet = Fleet.facing_edges(processes, service, [edge], GROUP)
        fleet.connect(WARM_SESSIONS)
        fleet.join(GROUP)
        fleet.run(1, BYTES, 0, 1)
        base = resident_bytes(edge.pid)

        def note(state):
            points.append((state, (resident_bytes(edge.pid) - base) / SESSIONS))

        fleet.connect(WARM_SESSIONS + SESSIONS)
        processes.wait_metric(edge, "channel_edge_sessions", WARM_SESSIONS + SESSIONS)
        note("connected")
        fleet.join(GROUP)
        note("joined to a group")
        fleet.run(1, BYTES, 0, 1)
        note("after a 1 KiB message")
        for number, said in enumerate(SAID_BYTES, 1):
            fleet.say(said, NOBODY)
            processes.wait_metric(edge, "channel_edge_messages_received_total",
                                  (1 + number) * (WARM_SESSIONS + SESSIONS) + WARM_SESSIONS)
            processes.wait_metric(edge, "channel_edge_publications_unanswered", most=0)
            note(f"after each has sent {said:,} B")
    return points


def measure_many(run):
    """100,000 sessions on several edges. Returns how long each broadcast took, and how many
    sessions had every one."""
    with run.processes() as processes:
        service = processes.start_service()
        edges = [processes.start_edge(service) for _ in range(MANY_EDGES)]
        fleet = Fleet.facing_edges(processes, service, edges, "bench-all",
                                   f"bench-of-ten-:{MANY_GROUPS}:1")
        fleet.connect(MANY_SESSIONS)
        run.say(f"{MANY_SESSIONS:,} sessions are connected")
        fleet.join("bench-all", way=ALL)
        fleet.join("bench-of-ten-", MANY_GROUPS, 1, way=GROUPS)
        run.say(f"they joined {MANY_GROUPS:,} groups and one more")
        milliseconds, reached = {}, []
        for name, way in (("one message to all", ALL), ("one message to each group", GROUPS)):
            turns = [fleet.turn(1, MANY_BYTES, way) for _ in range(BROADCASTS)]
            reached += [turn["deliveries"] for turn in turns]
            milliseconds[name] = Spread(turn["wall_ns"] / 1e6 for turn in turns)
    return milliseconds, min(reached)


def measure(run):
    points = measure_memory(run)
    rows = [{"what": f"{SESSIONS:,} sessions, {state}: edge's memory per session", "value": value,
             "unit": "B"} for state, value in points]
    heard, said = points[:-len(SAID_BYTES)], points[-len(SAID_BYTES):]
    checks = [Check(f"user-space bytes of an idle session, {SESSIONS:,} sessions",
                    max(value for _, value in heard), BYTES_PER_SESSION_MAX)]
    checks += [Check(f"the same, {state}", value, limit)
               for (state, value), limit in zip(said, SAID_BYTES_PER_SESSION_MAX)]
    plots = [Plot("Memory of a session on the edge", "", "bytes", "bars",
                  [Series("bytes per session", points)], limit=("limit", BYTES_PER_SESSION_MAX))]
    text = (f"The cost of a session that says nothing: growth of the edge's VmRSS per session, after "
            f"{WARM_SESSIONS} sessions.")
    if run.full:
        milliseconds, reached = measure_many(run)
        rows += [{"what": f"{name} ({MANY_BYTES} B): all sessions have it after", "value": time,
                  "unit": "ms"} for name, time in milliseconds.items()]
        checks.append(Check(f"sessions held, in {MANY_GROUPS:,} groups and in one, that had each "
                            "broadcast", reached, MANY_SESSIONS, at_most=False))
        plots.append(Plot(f"Until all of {MANY_SESSIONS:,} sessions have it", "", "ms", "bars",
                          [Series("time", list(milliseconds.items()))]))
        text += (f" Then {MANY_SESSIONS:,} sessions at once, on {MANY_EDGES} edges, each in two "
                 f"groups, and {BROADCASTS} messages to all of them; every session is checked.")
    return Figure("idle", "8", "Idle sessions: what they cost", text,
                  columns=[Column("what", ""), Column("value", "measured", ",.0f"),
                           Column("unit", "")],
                  rows=rows, checks=checks, plots=plots)
