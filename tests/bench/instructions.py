#!/usr/bin/env python3
"""User-space instructions of the edge and of the channel service, per delivery and per command that
an edge receives, counted and compared with the stored figures: a figure may be 10 % above its stored one. The test
bench.instructions.

Exit codes: 0 all is well; 1 no figures (a message was lost, a process ended, time is up); 2 a
figure is too high; 64 usage; 77 valgrind is not installed."""

import json
import os
import pathlib
import platform
import sys
import tempfile
import time
from dataclasses import dataclass

sys.path.append(str(pathlib.Path(__file__).parents[1] / "support"))
import callgrind
import web_socket
from fleet import Fleet
from processes import Processes, RunFailed, Usage, allow_descriptors, bound_run

ROOT = pathlib.Path(__file__).resolve().parents[2]
STORED = pathlib.Path(__file__).with_name("instructions.json")
TOLERANCE = 0.10
SECONDS = 100  # for the whole run; it takes about 15
GROUP = "bench-instructions"
QUIET_EDGE = "--ping_interval=1h"  # nothing but the deliveries is to be counted

EDGE_SESSIONS = 1000
EDGE_CASES = [(32, 1), (32, 8), (1024, 1), (1024, 8)]  # bytes, messages pending
EDGE_DELIVERIES = 40_000  # in each case
EDGE_LIMITS = {1: 400, 8: 200}  # by messages pending (row 3)

COMMANDS = 2000  # that one session sends
COMMANDS_PER_BURST = 50  # then it waits for their answers
COMMAND_BYTES = 24
COMMAND_SECONDS = 20  # for each answer
COMMAND_ROUNDS = 3  # of which the best counts

HUB_SUBSCRIBERS = 4
HUB_BYTES = 64
HUB_PER_REQUEST = 64
HUB_DELIVERIES = 40_000
# So many that each edge holds one: the kernel spreads connections to one port by their hash, and
# leaves one of 4 edges without any of 64 once in 25 million times.
HUB_SESSIONS = 64


@dataclass
class Figure:
    name: str
    counts: dict  # by thread, see Callgrind.count
    times: int  # deliveries, or commands
    limit: float = None

    @property
    def value(self):
        return sum(self.counts.values()) / self.times


def count_turns(tool, server, fleet, messages, bytes_each, turns):
    """Counts `server` while each of so many turns brings its messages to all sessions; returns what
    was counted, and how often a session got a message."""
    delivered = []

    def work():
        for _ in range(turns):
            # As short as a run can be: one turn.
            delivered.append(fleet.run(messages, bytes_each, 0, 1)["deliveries"])

    fleet.run(messages, bytes_each, 0, 1)
    counts = tool.count(server, work)
    return counts, sum(delivered)


def edge_figures(folder, bin_dir):
    """1,000 sessions in one group; each turn of the loop has 1 or 8 messages pending."""
    tool = callgrind.Callgrind(folder, bin_dir, "ws_edge")
    with Processes(tool.bin_dir) as processes:
        service = processes.start_service()
        edge = processes.start_edge(service, QUIET_EDGE)
        fleet = Fleet.facing_edges(processes, service, [edge], GROUP)
        fleet.connect(EDGE_SESSIONS)
        fleet.join(GROUP)
        tool.switch_on(edge)
        for bytes_each, pending in EDGE_CASES:
            turns = EDGE_DELIVERIES // EDGE_SESSIONS // pending
            counts, deliveries = count_turns(tool, edge, fleet, pending, bytes_each, turns)
            yield Figure(f"edge, {bytes_each} B, {pending} pending", counts, deliveries,
                         EDGE_LIMITS[pending])


def command_figures(folder, bin_dir):
    """A session sends to a group of nobody, so that there is no delivery."""
    tool = callgrind.Callgrind(folder, bin_dir, "ws_edge")
    with Processes(tool.bin_dir) as processes:
        service = processes.start_service()
        # Paced, but not slowed down.
        edge = processes.start_edge(service, QUIET_EDGE, "--commands_per_second=1000000",
                                    "--commands_burst=1000000")
        client = web_socket.Client(edge.state["listen"])

        def work():
            for _ in range(COMMANDS // COMMANDS_PER_BURST):
                # In one piece: how many the edge reads at once is not to depend on the machine's load.
                client.send_all([{"id": number, "cmd": "send_to_group", "group_id": GROUP,
                                  "message": "m" * COMMAND_BYTES}
                                 for number in range(COMMANDS_PER_BURST)])
                for _ in range(COMMANDS_PER_BURST):
                    event = client.next(time.monotonic() + COMMAND_SECONDS)
                    if event["event"] != "ok":
                        raise RunFailed(f"a send was answered {event}")

        tool.switch_on(edge)
        work()
        # gRPC's threads wake each other up more or less often: the rest is the same each time.
        counts = [tool.count(edge, work) for _ in range(COMMAND_ROUNDS)]
        yield Figure(f"edge, received send of {COMMAND_BYTES} B",
                     min(counts, key=lambda count: sum(count.values())), COMMANDS)


def hub_figures(folder, bin_dir):
    """Each turn is one request with 64 publications; every subscriber is an edge."""
    tool = callgrind.Callgrind(folder, bin_dir, "channel_service")
    with Processes(tool.bin_dir) as processes:
        service = processes.start_service()
        edge = processes.start_edge(service, QUIET_EDGE)
        for _ in range(HUB_SUBSCRIBERS - 1):
            processes.start_edge(service, QUIET_EDGE, f"--listen={edge.state['listen']}")
        fleet = Fleet.facing_edges(processes, service, [edge], GROUP)
        fleet.connect(HUB_SESSIONS)
        fleet.join(GROUP)
        processes.wait_metric(service, "channel_service_subscriptions", HUB_SUBSCRIBERS)
        tool.switch_on(service)
        turns = HUB_DELIVERIES // HUB_SUBSCRIBERS // HUB_PER_REQUEST
        counts, received = count_turns(tool, service, fleet, HUB_PER_REQUEST, HUB_BYTES, turns)
        yield Figure(f"hub, {HUB_BYTES} B, {HUB_SUBSCRIBERS} subscribers", counts,
                     received // HUB_SESSIONS * HUB_SUBSCRIBERS)


def compiler():
    """What the figures depend on besides the sources."""
    libc = " ".join(platform.libc_ver())
    for path in sorted((ROOT / "build/release/CMakeFiles").glob("[0-9]*/CMakeCXXCompiler.cmake")):
        for line in path.read_text().splitlines():
            if line.startswith("set(CMAKE_CXX_COMPILER_VERSION "):
                return f"compiler {line.split(chr(34))[1]}, {libc}"
    return libc


def print_profile(figure, count):
    """The functions of the thread that executed most: the loop."""
    busiest = max(figure.counts, key=figure.counts.get)
    print(f"\n{figure.name}: {figure.times:,} times, {figure.value:.1f} instructions each, "
          f"{figure.counts[busiest] / figure.times:.1f} of them in the loop:")
    for line in callgrind.functions(busiest)[:count]:
        print(line[:120])


def verdict_of(figure, stored):
    """For the table. `stored`: by the figures' names; empty where none were made with this compiler,
    and only limits hold. A figure that is too high fails the test."""
    if figure.limit is not None and figure.value > figure.limit:
        return f"TOO HIGH: more than {figure.limit:g}, the limit"
    if not stored:
        return ""
    if figure.name not in stored:
        return "TOO HIGH: nothing is stored"
    change = figure.value / stored[figure.name] - 1
    return (f"TOO HIGH: {change:+.1%}" if change > TOLERANCE else
            f"{change:+.1%}" + (": better; --store it" if change < -TOLERANCE else ""))


def print_table(figures, stored):
    """True if all figures are as they should be."""
    line = "{:<28} {:>10} {:>10} {:>8}  {}"
    print(line.format("instructions each", "now", "stored", "limit", ""))
    verdicts = [verdict_of(figure, stored) for figure in figures]
    for figure, verdict in zip(figures, verdicts):
        print(line.format(figure.name, f"{figure.value:.1f}", stored.get(figure.name, "-"),
                          figure.limit or "-", verdict))
    well = not any(verdict.startswith("TOO HIGH") for verdict in verdicts)
    if not well:
        print(f"\nA figure may be {TOLERANCE:.0%} above the stored one (made with {compiler()})."
              "\nWhere the instructions go: tests/bench/instructions.py --profile 25"
              "\nIf the new figure is meant: tests/bench/instructions.py --store, and say in the "
              "commit why it is worth it.")
    return well


def parse_flags():
    parser = Usage(prog="tests/bench/instructions.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("--bin", type=pathlib.Path, metavar="DIR",
                        default=ROOT / "build/release/bin",
                        help="where the programs are (default: build/release/bin)")
    parser.add_argument("--store", action="store_true",
                        help=f"make the new figures the stored ones ({STORED.name})")
    parser.add_argument("--profile", type=int, metavar="COUNT", default=0,
                        help="print the functions that execute most, for each figure")
    return parser.parse_args()


def measure(flags):
    figures = []
    for part in (edge_figures, command_figures, hub_figures):
        with tempfile.TemporaryDirectory(prefix="channel-callgrind-") as folder:
            for figure in part(folder, flags.bin):
                figures.append(figure)
                if flags.profile:
                    print_profile(figure, flags.profile)
    return figures


def main():
    flags = parse_flags()
    if not callgrind.is_installed():
        print("NOT RUN: valgrind is not installed (deploy/install_deps.sh --tests)", file=sys.stderr)
        return 77
    bound_run(SECONDS)
    allow_descriptors()

    begin = time.monotonic()
    try:
        figures = measure(flags)
    except RunFailed as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    print(f"\nload average {os.getloadavg()[0]:.2f}, {time.monotonic() - begin:.0f} s")
    by_compiler = json.loads(STORED.read_text()) if STORED.exists() else {}
    if flags.store:
        by_compiler[compiler()] = {figure.name: round(figure.value, 1) for figure in figures}
        STORED.write_text(json.dumps(by_compiler, indent=1) + "\n")
        print(f"stored in {STORED.relative_to(ROOT)}")
    stored = by_compiler.get(compiler(), {})
    if not stored:
        print(f"NOT RUN: the comparison; no figures are stored for {compiler()} (only for "
              f"{', '.join(by_compiler)})")
    return 0 if print_table(figures, stored) else 2


if __name__ == "__main__":
    sys.exit(main())
