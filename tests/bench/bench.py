#!/usr/bin/env python3
"""Measures the edge and the channel service. Started by run.sh, which builds first; see README.md.

Exit codes: 0 all figures within their limits; 1 no figures (a message was lost, a process ended,
time is up); 2 a limit was exceeded; 64 usage."""

import argparse
import datetime
import json
import os
import pathlib
import platform
import resource
import signal
import sys
import time

import figures
from processes import Processes, RunFailed

QUICK_SECONDS = 118
FIGURES = ("fanout", "hub", "idle")
BUSY_LOAD = 0.5


def print_fanout(rows):
    print(f"\nFan-out: CPU of the edge per delivery, {figures.SESSIONS:,} sessions in one group;"
          f"\nmedian (least-greatest) of {figures.FANOUT_ROUNDS} rounds; "
          "raw = epoll, one send per delivery; floor = raw, one send per turn")
    line = "{:>7} {:>7}  {:<18} {:<18} {:<18} {:>6} {:<9} {:>5} {:>5} {:>12}"
    print(line.format("payload", "pending", "raw µs", "edge µs", "edge / raw", "limit", "",
                      "floor", "user", "deliveries/s"))
    for row in rows:
        print(line.format(
            f"{row['bytes']} B", row["pending"], f"{row['raw_us']:.2f}",
            f"{row['edge_us']:.2f}", f"{row['ratio']:.2f}", f"{row['limit']:.2f}",
            "ok" if within(row) else "EXCEEDED", f"{row['floor_ratio'].median:.2f}",
            f"{row['user_share'].median:.0%}",
            f"{row['deliveries_per_second'].median:,.0f}"))


def print_hub(rows):
    print("\nHub: CPU of the channel service per delivery to a subscriber, "
          f"{figures.HUB_BYTES} B, {figures.HUB_PER_REQUEST} publications per request;"
          f"\nmedian (least-greatest) of {figures.HUB_ROUNDS} rounds")
    line = "{:>11}  {:<22} {:>12} {:>20}"
    print(line.format("subscribers", "hub µs", "deliveries/s", "per hub CPU second"))
    for row in rows:
        print(line.format(row["subscribers"], f"{row['hub_us']:.3f}",
                          f"{row['deliveries_per_second'].median:,.0f}",
                          f"{1e6 / row['hub_us'].median:,.0f}"))


def print_idle(rows):
    print("\nIdle sessions: growth of the edge's resident memory at "
          f"{figures.IDLE_SESSIONS:,} sessions")
    for row in rows:
        print(f"{row['bytes_per_session']:>11,.0f} bytes per session, {row['state']}")


def within(row):
    return "limit" not in row or row["ratio"].median <= row["limit"]


def steal_ticks():
    """Time that the hypervisor took from this machine; proc(5), /proc/stat."""
    return int(pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[8])


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


class Usage(argparse.ArgumentParser):
    def error(self, message):
        print(f"{self.prog}: {message} (see --help)", file=sys.stderr)
        sys.exit(64)


def parse_flags():
    parser = Usage(prog="tests/bench/run.sh",
                   description="Measures the edge and the channel service.")
    parser.add_argument("--quick", action="store_true",
                        help="under two minutes in all (the default)")
    parser.add_argument("--only", choices=FIGURES, action="append", metavar="NAME",
                        help="only this figure: " + ", ".join(FIGURES))
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE",
                        help="write the figures there, too")
    parser.add_argument("--bin", type=pathlib.Path, metavar="DIR",
                        default=pathlib.Path(__file__).parents[2] / "build/release/bin",
                        help="where the programs are (default: build/release/bin)")
    return parser.parse_args()


STOPPERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)


def stop(number, _):
    for other in STOPPERS:  # the way out must not be cut short; it has its own time limits
        signal.signal(other, signal.SIG_IGN)
    raise RunFailed("time is up" if number == signal.SIGALRM else f"stopped by signal {number}")


def main():
    flags = parse_flags()
    for number in STOPPERS:
        signal.signal(number, stop)
    signal.alarm(QUICK_SECONDS)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    load = os.getloadavg()[0]
    print(f"{datetime.date.today()}, {os.cpu_count()} × {processor()}, Linux {platform.release()}, "
          f"load average {load:.2f}" + (": BUSY, figures may be off" if load > BUSY_LOAD else ""))
    start, steal = time.monotonic(), steal_ticks()
    results = {}
    try:
        for name in flags.only or FIGURES:
            with Processes(flags.bin) as processes:
                results[name] = getattr(figures, name)(processes)
            globals()[f"print_{name}"](results[name])
            sys.stdout.flush()
    except RunFailed as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    seconds = time.monotonic() - start
    stolen = (steal_ticks() - steal) / os.sysconf("SC_CLK_TCK") / seconds / os.cpu_count()
    print(f"\nNo message was lost, repeated, reordered or damaged. {seconds:.0f} s; "
          f"the hypervisor took {stolen:.1%} of the time.")
    if flags.json:
        flags.json.write_text(json.dumps({
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "machine": {"cpus": os.cpu_count(), "processor": processor(),
                        "kernel": platform.release(), "load_average_before": load,
                        "stolen": stolen},
            "figures": results}, default=lambda value: value.json(), indent=1) + "\n")
    return 0 if all(within(row) for rows in results.values() for row in rows) else 2


if __name__ == "__main__":
    sys.exit(main())
