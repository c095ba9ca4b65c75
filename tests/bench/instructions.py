#!/usr/bin/env python3
"""User-space instructions per delivery of the edge and of the channel service, counted and compared
with the stored figures: a figure may be 10 % above its stored one. The test bench.instructions.

Exit codes: 0 all is well; 1 no figures (a message was lost, a process ended, time is up); 2 a
figure is too high; 64 usage; 77 valgrind is not installed."""

import argparse
import json
import os
import pathlib
import platform
import sys
import tempfile
import time
from dataclasses import dataclass

import callgrind
from processes import LoadClient, Processes, RunFailed, allow_descriptors, bound_run

ROOT = pathlib.Path(__file__).resolve().parents[2]
STORED = pathlib.Path(__file__).with_name("instructions.json")
TOLERANCE = 0.10
SECONDS = 100  # for the whole run; it takes about 15

EDGE_SESSIONS = 1000
EDGE_CASES = [(32, 1), (32, 8), (1024, 1), (1024, 8)]  # bytes, messages pending
EDGE_DELIVERIES = 40_000  # in each case
EDGE_LIMITS = {1: 400, 8: 200}  # by messages pending; "As fast as the kernel lets us", row 3

HUB_SUBSCRIBERS = 4
HUB_BYTES = 64
HUB_PER_REQUEST = 64
HUB_DELIVERIES = 40_000
# So many that each edge holds one: the kernel spreads connections to one port by their hash, and
# leaves one of 4 edges without any of 64 once in 25 million times.
HUB_SESSIONS = 64

# Nothing but the deliveries is to be counted.
QUIET_EDGE = ("--ping_interval=1h",)


@dataclass
class Figure:
    name: str
    counts: callgrind.Counts
    deliveries: int
    limit: float = None

    def per_delivery(self, instructions):
        return instructions / self.deliveries

    @property
    def value(self):
        return self.per_delivery(self.counts.total)

    @property
    def busiest(self):
        """Of the thread that executed most: the loop."""
        return self.per_delivery(max(self.counts.by_thread.values()))


def count_turns(tool, server, client, messages, bytes_each, turns):
    """Counts `server` while each of so many turns brings its messages to all sessions; returns what
    was counted, and how often a session got a message."""
    delivered = []

    def work():
        for _ in range(turns):
            # As short as a run can be: one turn.
            delivered.append(client.run(server.pid, messages, bytes_each, 0, 1)["deliveries"])

    client.run(server.pid, messages, bytes_each, 0, 1)
    counts = tool.count(server, work)
    return counts, sum(delivered)


def start_edge(processes, service, *flags):
    return processes.start_edge(service, *QUIET_EDGE, *flags)


def edge_figures(folder, bin_dir):
    """1,000 sessions in one group; each turn of the loop has 1 or 8 messages pending."""
    tool = callgrind.Callgrind(folder, bin_dir, "ws_edge")
    with Processes(tool.bin_dir) as processes:
        service = processes.start_service()
        edge = start_edge(processes, service)
        client = LoadClient.facing_edge(processes, service, edge, "bench-instructions")
        client.command("connect", EDGE_SESSIONS)
        client.command("join", "bench-instructions")
        tool.switch_on(edge)
        for bytes_each, pending in EDGE_CASES:
            turns = EDGE_DELIVERIES // EDGE_SESSIONS // pending
            counts, deliveries = count_turns(tool, edge, client, pending, bytes_each, turns)
            yield Figure(f"edge, {bytes_each} B, {pending} pending", counts, deliveries,
                         EDGE_LIMITS[pending])


def hub_figures(folder, bin_dir):
    """Each turn is one request with 64 publications; every subscriber is an edge."""
    tool = callgrind.Callgrind(folder, bin_dir, "channel_service")
    with Processes(tool.bin_dir) as processes:
        service = processes.start_service()
        edge = start_edge(processes, service)
        for _ in range(HUB_SUBSCRIBERS - 1):
            start_edge(processes, service, f"--listen={edge.state['listen']}")
        client = LoadClient.facing_edge(processes, service, edge, "bench-instructions")
        client.command("connect", HUB_SESSIONS)
        client.command("join", "bench-instructions")
        processes.wait_metric(service, "channel_service_subscriptions", HUB_SUBSCRIBERS)
        tool.switch_on(service)
        turns = HUB_DELIVERIES // HUB_SUBSCRIBERS // HUB_PER_REQUEST
        counts, received = count_turns(tool, service, client, HUB_PER_REQUEST, HUB_BYTES, turns)
        yield Figure(f"hub, {HUB_BYTES} B, {HUB_SUBSCRIBERS} subscribers", counts,
                     received // HUB_SESSIONS * HUB_SUBSCRIBERS)


PARTS = {"edge": edge_figures, "hub": hub_figures}


def compiler():
    """What the figures depend on besides the sources."""
    libc = " ".join(platform.libc_ver())
    cache = ROOT / "build/release/CMakeFiles"
    versions = sorted(path.name for path in cache.glob("[0-9]*")) if cache.exists() else []
    for version in versions:
        for line in (cache / version / "CMakeCXXCompiler.cmake").read_text().splitlines():
            if line.startswith("set(CMAKE_CXX_COMPILER_VERSION "):
                return f"compiler {line.split(chr(34))[1]}, {libc}"
    return libc


def print_profile(figure, count):
    libraries = sorted(figure.counts.by_library.items(), key=lambda item: -item[1])
    print(f"\n{figure.name}: {figure.value:.1f} instructions per delivery: " +
          ", ".join(f"{figure.per_delivery(instructions):.1f} {library}"
                    for library, instructions in libraries[:8]) +
          "\n  each   share  thread  function")
    ranked = sorted(figure.counts.by_function.items(), key=lambda item: -item[1])
    for (thread, function), instructions in ranked[:count]:
        print(f"{figure.per_delivery(instructions):6.1f} {instructions / figure.counts.total:7.1%}"
              f"  {thread:6}  {function[:90]}")


def compare(figure, stored):
    """A verdict for the table, and whether the figure is too high. stored: by the figures' names; None
    where none were made with this compiler, and only limits hold."""
    if figure.limit is not None and figure.value > figure.limit:
        return f"TOO HIGH: more than {figure.limit:g}, the limit", True
    if stored is None:
        return "", False
    known = stored.get(figure.name)
    if known is None:
        return "NOT STORED", True
    change = figure.value / known - 1
    if change > TOLERANCE:
        return f"TOO HIGH: {change:+.1%}", True
    return f"{change:+.1%}" + (": better; --store it" if change < -TOLERANCE else ""), False


def print_table(figures, stored):
    """True if all figures are as they should be."""
    line = "{:<28} {:>10} {:>10} {:>10} {:>8}  {}"
    print(line.format("instructions per delivery", "all", "loop only", "stored", "limit", ""))
    well = True
    for figure in figures:
        verdict, too_high = compare(figure, stored)
        well = well and not too_high
        known = (stored or {}).get(figure.name)
        print(line.format(figure.name, f"{figure.value:.1f}", f"{figure.busiest:.1f}",
                          "-" if known is None else f"{known:.1f}",
                          "-" if figure.limit is None else f"{figure.limit:g}", verdict))
    if not well:
        print(f"\nA figure may be {TOLERANCE:.0%} above the stored one (made with {compiler()})."
              "\nWhere the instructions go: tests/bench/instructions.py --profile 25"
              "\nIf the new figure is meant: tests/bench/instructions.py --store, and say in the "
              "commit why it is worth it.")
    return well


class Usage(argparse.ArgumentParser):
    def error(self, message):
        print(f"{self.prog}: {message} (see --help)", file=sys.stderr)
        sys.exit(64)


def parse_flags():
    parser = Usage(prog="tests/bench/instructions.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("--bin", type=pathlib.Path, metavar="DIR",
                        default=ROOT / "build/release/bin",
                        help="where the programs are (default: build/release/bin)")
    parser.add_argument("--only", choices=PARTS, help="count only one of the processes")
    parser.add_argument("--store", action="store_true",
                        help=f"make the new figures the stored ones ({STORED.name})")
    parser.add_argument("--profile", type=int, metavar="COUNT", default=0,
                        help="print the functions that execute most, for each figure")
    return parser.parse_args()


def measure(flags):
    for program in ("bench_load", "bench_publisher", "channel_service", "ws_edge"):
        if not (flags.bin / program).exists():
            raise RunFailed(f"{flags.bin / program} is not built")
    figures = []
    for part in [flags.only] if flags.only else PARTS:
        with tempfile.TemporaryDirectory(prefix="channel-callgrind-") as folder:
            for figure in PARTS[part](folder, flags.bin):
                figures.append(figure)
                if flags.profile:
                    print_profile(figure, flags.profile)
    return figures


def store(figures, by_compiler):
    known = by_compiler.setdefault(compiler(), {})
    known.update({figure.name: round(figure.value, 1) for figure in figures})
    STORED.write_text(json.dumps(by_compiler, indent=1) + "\n")
    print(f"stored in {STORED.relative_to(ROOT)}")


def main():
    flags = parse_flags()
    if not callgrind.is_installed():
        print("NOT RUN: valgrind is not installed (deploy/install_deps.sh --tests)", file=sys.stderr)
        return 77
    bound_run(SECONDS)
    allow_descriptors()

    by_compiler = json.loads(STORED.read_text()) if STORED.exists() else {}
    begin = time.monotonic()
    try:
        figures = measure(flags)
    except RunFailed as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    print(f"\nload average {os.getloadavg()[0]:.2f}, {time.monotonic() - begin:.0f} s")
    if flags.store:
        store(figures, by_compiler)
    stored = by_compiler.get(compiler())
    if stored is None:
        print(f"NOT RUN: the comparison; no figures are stored for {compiler()} (only for "
              f"{', '.join(by_compiler)})")
    return 0 if print_table(figures, stored) else 2


if __name__ == "__main__":
    sys.exit(main())
