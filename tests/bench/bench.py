#!/usr/bin/env python3
"""Measures the edge and the channel service, beside their peers and beside the kernel's own limit.
Started by run.sh, which builds first; see README.md.

exit codes: 0 all limits kept; 1 a figure is missing (a message was lost, a process ended, time is
  up), the others are there; 2 a limit was exceeded; 64 usage; 69 a program to compare with is missing"""

import argparse
import datetime
import importlib
import json
import os
import pathlib
import platform
import signal
import sys
import textwrap
import time

sys.path.append(str(pathlib.Path(__file__).parents[1] / "support"))
import report
from figure import Spread, number, plain
from processes import (PeerMissing, Processes, RunFailed, Skipped, Stopped,
                       Usage, allow_descriptors, bound_run)

SECONDS = {False: 280, True: 35 * 60}  # for the whole run: quick, full
BUSY_LOAD = 0.5
DESCRIPTORS_MIN = 20_000  # of a process: scale.py has 16,667 sessions on one edge
ROOT = pathlib.Path(__file__).parents[2]
OUTPUT = ROOT / "build/bench"
# In the order of a run; each is a module in figures/.
FIGURES = {
    "fanout": "CPU of the edge per delivery, beside one send(2) per delivery (rows 1, 2)",
    "hub": "CPU of the channel service per delivery, beside nats-server and Redis (row 4)",
    "publish": "unary Publish: latency of a lonely message, requests per CPU second (row 5)",
    "engine": "--engine=nats: CPU and latency of a publication, beside a plain JetStream client",
    "nodes": "--engine=nats: CPU of a publication on one node, and on three with groups of their own",
    "system": "edges and service together, beside ws, socket.io and nats-server (rows 6, 6b)",
    "latency": "client to client through two edges at low load, beside peers (row 7)",
    "idle": "memory of idle sessions; --full: 100,000 sessions, one broadcast (row 8)",
    "connect": "connect, upgrade and join per CPU second, beside ws (row 9)",
    "scale": "CPU per delivery from few to many members and groups (row 10)",
    "micro": "the parts alone: frames, parsing, routing (Google Benchmark)",
}
WITH_PEERS = {"hub", "engine", "nodes", "system", "latency", "connect"}


class Run:
    """What a figure's measure() is given."""

    def __init__(self, flags):
        self.full, self.bin_dir, self.without_peers = flags.full, flags.bin, flags.without_peers
        self.figure = ""
        self.start = time.monotonic()

    def processes(self):
        return Processes(self.bin_dir)

    def say(self, text):
        print(f"[{time.monotonic() - self.start:4.0f} s] {self.figure}: {text}", file=sys.stderr,
              flush=True)


def cell(column, row):
    value = row.get(column.key, "")
    return f"{value:{column.format}}" if isinstance(value, (int, float, Spread)) else str(value)


def print_figure(figure):
    row = f" ({report.row_of(figure)})" if figure.number else ""
    print(f"\n{figure.name}{row}: {figure.title}\n" + textwrap.fill(figure.text, 100))
    lines = [[column.heading for column in figure.columns]]
    lines += [[cell(column, row) for column in figure.columns] for row in figure.rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(figure.columns))]
    to_left = [any(isinstance(row.get(column.key), str) for row in figure.rows)
               for column in figure.columns]
    for line in lines:
        print("  " + "  ".join(text.ljust(width) if left else text.rjust(width)
                               for text, width, left in zip(line, widths, to_left)).rstrip())
    for check in figure.checks:
        sign = "≤" if check.at_most else "≥"
        verdict = "ok" if check.ok else "EXCEEDED" if check.at_most else "MISSED"
        print(f"  {verdict:8} {check.what}: "
              f"{number(check.value)} {sign} {number(check.limit)}")
    for note in figure.notes:
        print(textwrap.fill(note, 100, initial_indent="  - ", subsequent_indent="    "))
    sys.stdout.flush()


def steal_ticks():
    """Time that the hypervisor took from this machine; proc(5), /proc/stat."""
    return int(pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[8])


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def parse_flags():
    parser = Usage(
        prog="tests/bench/run.sh", description="Measures the edge and the channel service.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="figures:\n" + "\n".join(f"  {name:8} {what}" for name, what in FIGURES.items()) +
        "\n\n" + __doc__.split("\n\n")[1])
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true",
                        help="less than four minutes in all (the default)")
    length.add_argument("--full", action="store_true",
                        help="all sizes, more rounds, 100,000 sessions: about half an hour")
    parser.add_argument("--only", choices=FIGURES, action="append", metavar="NAME",
                        help="only this figure; may be given several times")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE",
                        help="write the figures there, too (always: build/bench/figures.json)")
    parser.add_argument("--without-peers", action="store_true",
                        help="leave out the systems that the product is compared with")
    parser.add_argument("--bin", type=pathlib.Path, metavar="DIR",
                        help="where the programs are (default: build/release/bin)")
    parser.add_argument("--needs", action="store_true", help=argparse.SUPPRESS)  # for run.sh
    flags = parser.parse_args()
    if flags.json and (flags.json.is_dir() or not flags.json.parent.is_dir()):
        parser.error(f"argument --json: cannot be written: {flags.json}")
    flags.names = [name for name in FIGURES if name in (flags.only or FIGURES)]
    flags.needs_build = flags.bin is None
    flags.bin = (flags.bin or ROOT / "build/release/bin").resolve()
    return flags


def measure(run, names):
    """The figures, each printed as soon as it is there, and the exit codes of those that failed."""
    figures, failures = [], []
    for name in names:
        run.figure = name
        started = time.monotonic()
        try:
            figure = importlib.import_module(f"figures.{name}").measure(run)
        except Skipped as reason:
            run.say(f"left out: {reason}")
            continue
        except PeerMissing as missing:
            print(f"MISSING: {name}: {missing}; --without-peers measures without it",
                  file=sys.stderr)
            failures.append(69)
            continue
        except RunFailed as failure:
            print(f"FAILED: {name}: {failure}", file=sys.stderr)
            failures.append(1)
            if isinstance(failure, Stopped):
                break
            continue
        run.say(f"took {time.monotonic() - started:.0f} s")
        print_figure(figure)
        figures.append(figure)
    return figures, failures


def main():
    flags = parse_flags()
    if flags.needs:
        peers = not flags.without_peers and WITH_PEERS.intersection(flags.names)
        print("build" * flags.needs_build, "peers" if peers else "")
        return 0
    run = Run(flags)
    sys.stdout.reconfigure(errors="replace")  # "≤" on a terminal that does not have it
    if allow_descriptors() < DESCRIPTORS_MIN:
        print(f"FAILED: {DESCRIPTORS_MIN:,} descriptors for each process are needed: "
              "raise the hard limit (ulimit -Hn)", file=sys.stderr)
        return 1
    bound_run(SECONDS[flags.full])

    machine = {"cpus": os.cpu_count(), "processor": processor(), "kernel": platform.release(),
               "load_average_before": os.getloadavg()[0]}
    machine["busy"] = machine["load_average_before"] > BUSY_LOAD
    print(f"{datetime.date.today()}, {machine['cpus']} × {machine['processor']}, Linux "
          f"{machine['kernel']}, load average {machine['load_average_before']:.2f}" +
          (": BUSY, figures may be off" if machine["busy"] else ""), flush=True)
    steal = steal_ticks()
    figures, failures = measure(run, flags.names)
    signal.alarm(0)
    if not figures:
        print("FAILED: nothing was measured", file=sys.stderr)
        return max(failures, default=1)

    seconds = time.monotonic() - run.start
    machine["stolen"] = ((steal_ticks() - steal) / os.sysconf("SC_CLK_TCK") / seconds /
                         os.cpu_count())
    facts = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
             "length": "full" if flags.full else "quick", "seconds": seconds, "machine": machine,
             "without_peers": flags.without_peers,
             "left_out": sorted(FIGURES.keys() - {figure.name for figure in figures})}
    text = json.dumps(facts | {"figures": figures}, indent=1, default=plain) + "\n"
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "report.html").write_text(report.page(facts, figures), encoding="utf-8")
    for path in filter(None, (OUTPUT / "figures.json", flags.json)):
        path.write_text(text)

    checks = [check for figure in figures for check in figure.checks]
    kept = sum(check.ok for check in checks)
    if facts["left_out"]:
        print(f"\nLeft out: {', '.join(facts['left_out'])}.", end="")
    faults = ("Not all could be measured, see above." if failures else
              "No message was lost, repeated, reordered or damaged.")
    print(f"\n{kept} of {len(checks)} limits kept. {faults} {seconds:.0f} s; the hypervisor took "
          f"{machine['stolen']:.1%} of the time.\n"
          f"{OUTPUT.relative_to(ROOT)}/report.html, {OUTPUT.relative_to(ROOT)}/figures.json")
    if failures:
        return min(failures)
    return 0 if kept == len(checks) else 2


if __name__ == "__main__":
    sys.exit(main())
