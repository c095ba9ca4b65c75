"""From client to client at low load, beside peers and the kernel (row 7)."""

import time

from figure import Check, Column, Figure, Plot, Series, in_turns, percentile
from swarm import start_all, start_nats_pair, start_relay

BYTES = 128
INTERVAL_US = 3000
SLICES, SLICE = {False: 5, True: 25}, 200
WARM_UP, WARM_UP_US = 1000, 500  # messages; so many that Node has compiled what it runs
PERCENTILES = (50, 90, 99, 99.9)
# A message after so long a silence; the systems take turns within it.
SILENCES = ((100_000, 100), (1_100_000, 20))  # µs, messages
COMPARED = ("socket.io", "nats-server")


def row(what, name, slices):
    """The percentiles are of all slices together."""
    samples = [ns / 1e6 for a_slice in slices for ns in a_slice]
    return {"what": what, "system": name, "messages": len(samples),
            **{f"p{p:g}": percentile(samples, p / 100) for p in PERCENTILES},
            "max": max(samples)}


def low_load(run, swarms):
    """Slices of each, interleaved."""
    for swarm in swarms:
        swarm.latency(WARM_UP, WARM_UP_US, BYTES)
    slices = in_turns(swarms, SLICES[run.full],
                      lambda swarm: swarm.latency(SLICE, INTERVAL_US, BYTES)["samples_ns"], run.say)
    return [row("each 3 ms", swarm.name, [a_slice[swarm] for a_slice in slices])
            for swarm in swarms]


def after_silence(run, swarms, interval_us, count):
    """All at the same time, one system's message in the silence of the others."""
    run.say(f"a message each {interval_us / 1000:g} ms")
    for swarm in swarms:
        swarm.ask("latency", count, interval_us, BYTES)
        time.sleep(interval_us / 1e6 / len(swarms))
    return [row(f"each {interval_us / 1000:,.0f} ms", swarm.name, [swarm.answer()["samples_ns"]])
            for swarm in swarms]


def measure(run):
    figure = Figure(
        "latency", "7", "Latency at low load",
        f"From one client to another, {BYTES} B, one message on its way at a time, in both "
        "directions in turn; ours, ws and socket.io: each client on a process of its own. The "
        "floor is an epoll loop that hands the bytes from socket to socket.",
        columns=[Column("what", "load"), Column("system", "system"),
                 Column("messages", "messages", ",d"),
                 *(Column(f"p{p:g}", f"p{p:g} ms", ".3f") for p in PERCENTILES),
                 Column("max", "max ms", ".2f")])
    with run.processes() as processes:
        swarms = start_all(run, processes)
        if not run.without_peers:
            swarms.append(start_nats_pair(processes))
        swarms.append(start_relay(processes))
        for swarm in swarms:
            swarm.gather(2, 1)
        rows = low_load(run, swarms)
        if run.full:
            for interval_us, count in SILENCES:
                rows += after_silence(run, swarms, interval_us, count)
    figure.rows = rows
    by_name = {one["system"]: one for one in rows[:len(swarms)]}
    ours = by_name[swarms[0].name]
    for peer in COMPARED:
        for p in ("p50", "p99"):
            if peer in by_name:
                figure.checks.append(Check(f"{p}, ms: at most that of {peer}", ours[p],
                                           by_name[peer][p]))
    figure.plots.append(Plot(
        "Client to client at low load", "", "ms", "bars",
        [Series(name, [(p, one[p]) for p in ("p50", "p99")]) for name, one in by_name.items()],
        log_y=True))
    if run.full:
        figure.plots.append(Plot(
            "The median after a silence", "silence, ms", "ms", "lines",
            [Series(swarm.name, [(float(one["what"].split()[1].replace(",", "")), one["p50"])
                                 for one in rows if one["system"] == swarm.name])
             for swarm in swarms], log_x=True, log_y=True))
    return figure
