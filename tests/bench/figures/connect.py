"""Connect, upgrade and join (row 9)."""

from figure import Check, Column, Figure, Plot, Spread, in_turns, ratios, series_by
from swarm import start_all

CONNECTIONS = 2000
GROUPS = 20
ROUNDS = {False: 5, True: 15}
LIMIT = 2  # times the rate of ws


def per_cpu_second(result):
    return result["connections"] / result["cpu_ns"] * 1e9


def measure(run):
    figure = Figure(
        "connect", "9", "New sessions",
        f"{CONNECTIONS:,} times connect, upgrade, join one of {GROUPS} groups and a ping that is "
        "answered, 64 on their way; closed after each round, unmeasured. CPU of the one process "
        "that has the sessions: the edge alone, without the service; ws without Redis.",
        columns=[Column("system", "system"),
                 Column("per_cpu_second", "sessions per CPU second", ",.0f"),
                 Column("ratio", "ours / it", ".2f")])
    with run.processes() as processes:
        swarms = start_all(run, processes, alone=True)
        for swarm in swarms:
            swarm.connects(CONNECTIONS, GROUPS)  # warms up
        rounds = in_turns(swarms, ROUNDS[run.full],
                          lambda swarm: swarm.connects(CONNECTIONS, GROUPS))
    for swarm in swarms:
        mine = [a_round[swarm] for a_round in rounds]
        ratio = ratios(rounds, swarms[0], swarm, per_cpu_second)
        figure.rows.append({
            "system": swarm.name,
            "per_cpu_second": Spread(map(per_cpu_second, mine)),
            "ratio": "" if swarm is swarms[0] else ratio})
        if swarm.name == "ws + Redis":
            figure.checks.append(Check("sessions per CPU second / ws", ratio.median, LIMIT,
                                       at_most=False))
    figure.plots.append(Plot(
        "New sessions per CPU second of the process that has them", "", "sessions", "bars",
        series_by([row | {"x": "connect, upgrade, join"} for row in figure.rows], "system", "x",
                  "per_cpu_second")))
    return figure
