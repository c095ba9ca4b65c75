"""Connect, upgrade and join (row 9)."""

from figure import Check, Column, Figure, Plot, Series, Spread
from swarm import start_all_alone

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
                 Column("us", "CPU µs each", ".1f"), Column("ratio", "ours / it", ".2f"),
                 Column("per_second", "sessions/s", ",.0f")])
    with run.processes() as processes:
        swarms = start_all_alone(run, processes)
        rounds = []
        for swarm in swarms:
            swarm.connects(CONNECTIONS, GROUPS)  # warms up
        for number in range(ROUNDS[run.full]):
            order = swarms if number % 2 == 0 else swarms[::-1]
            rounds.append({swarm.name: swarm.connects(CONNECTIONS, GROUPS) for swarm in order})
    ours = swarms[0].name
    for swarm in swarms:
        mine = [a_round[swarm.name] for a_round in rounds]
        ratio = Spread(per_cpu_second(a_round[ours]) / per_cpu_second(a_round[swarm.name])
                       for a_round in rounds)
        figure.rows.append({
            "system": swarm.name,
            "per_cpu_second": Spread(map(per_cpu_second, mine)),
            "us": Spread(1e6 / per_cpu_second(result) for result in mine),
            "ratio": "" if swarm is swarms[0] else ratio,
            "per_second": Spread(result["connections"] / result["wall_ns"] * 1e9
                                 for result in mine)})
        if swarm.name == "ws + Redis":
            figure.checks.append(Check("sessions per CPU second / ws", ratio.median, LIMIT,
                                       at_most=False))
    figure.plots.append(Plot(
        "New sessions per CPU second of the process that has them", "", "sessions", "bars",
        [Series(row["system"], [("connect, upgrade, join", row["per_cpu_second"])])
         for row in figure.rows]))
    return figure
