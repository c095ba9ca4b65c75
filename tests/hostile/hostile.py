#!/usr/bin/env python3
"""Attacks a channel_service and a ws_edge that run with their default flags, and measures what 1,000
well-behaved clients notice. One line for each attack; see README.md.

exit codes: 0 nobody noticed anything; 1 somebody did, or a process ended; 64 usage"""

import argparse
import collections
import importlib
import json
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[2]
sys.path[1:1] = [str(ROOT / "tests/support"), str(ROOT / "tests/bench")]
import plan
from processes import PeerMissing, Processes, RunFailed, Stopped, Usage, allow_descriptors, bound_run
from system import MIB, System

ATTACKER_PATIENCE = 20     # beyond the seconds of an attack, until the attacker says what it got
BASELINE_SECONDS = {False: 3, True: 10}
SECONDS = {False: 300, True: 3 * 3600}  # for the whole run: quick, long
P99_FACTOR = 2
LATE_ATTEMPTS = BASELINES_MAX = 3
BUSY = 0.2  # share of all processors' time: beyond it a latency that is too high is told, but not judged
LATENCY = {False: "typical_p99_ms", True: "p99_ms"}  # quick, long; see bystanders/bystanders.cc


def parse(arguments):
    parser = Usage(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="ATTACK", help="only these, also those that fail; see --list")
    parser.add_argument("--list", action="store_true", help="names all attacks, and when they are run")
    parser.add_argument("--long", action="store_true", help=f"{plan.LONG_SECONDS} s each, and the long ones, too")
    parser.add_argument("--seconds", type=float, help="so long each")
    parser.add_argument("--engine", choices=(plan.MEMORY, plan.NATS), help="only with this engine")
    parser.add_argument("--edge_flag", action="append", default=[], metavar="FLAG", help="for the edge, say without "
                        "a defence: --edge_flag=--commands_per_second=0; may be repeated")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="writes the figures there, too")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/dev/bin", metavar="DIR")
    options = parser.parse_args(arguments)
    known = {attack.name for attack in plan.ATTACKS}
    for name in options.names:
        if name not in known:
            parser.error(f"no attack {name!r}")
    if options.seconds is None:
        options.seconds = plan.LONG_SECONDS if options.long else plan.QUICK_SECONDS
    return options


def chosen(options, engine):
    """The attacks to make with this engine, in the order of the plan."""
    when = {plan.QUICK, plan.LONG} if options.long else {plan.QUICK}
    return [attack for attack in plan.ATTACKS if engine in attack.engines and
            (attack.name in options.names if options.names else attack.when in when)]


def attack_command(attack, system, seconds):
    """An attacker is a process of its own, which has what processor time the others leave: in earnest
    it is another machine."""
    if attack.name.startswith("ws_"):
        own = [system.bin_dir / "hostile_client", attack.name, system.port]
    else:
        own = [sys.executable, "-B", __file__, "--attacker", attack.name, system.service.state["listen"]]
    return ["/usr/bin/nice", "-n", "10", *own, str(seconds)]


def run_attacker(processes, command, seconds):
    """What it got."""
    child = processes.start(*command, stdout=subprocess.PIPE)
    try:
        text, _ = child.communicate(timeout=seconds + ATTACKER_PATIENCE)
    except subprocess.TimeoutExpired:
        processes.end(child)
        raise RunFailed(f"the attacker did not end after {seconds} s") from None
    if child.returncode != 0:
        raise RunFailed(f"the attacker ended with {child.returncode}: {child.log.read_text()[-2000:]}")
    processes.end(child)
    return json.loads(text)


def exceeded(attack, report, memory, without_ms, latency=LATENCY[False]):
    """What is not as it should be, in words; the latency, which may be the machine's, comes last."""
    found = []
    if not report["settled"]:
        found.append("not all arrived")
    for name in ("lost", "duplicates", "other_defects", "surprises", "refused", "newcomers_refused",
                 "history_lost"):
        if report[name]:
            found.append(f"{name.replace('_', ' ')} {report[name]:,}")
    if report["closes"]:
        found.append("closed " + ", ".join(f"{count} with {code}" for code, count in report["closes"].items()))
    limits = {"edge": attack.edge_mib, "service": attack.service_mib}
    for name, each in memory.items():
        grown = (each.peak - each.before) / MIB
        if grown > limits[name]:
            found.append(f"RSS of the {name} grew by {grown:.0f} MiB (limit {limits[name]})")
    limit = max(P99_FACTOR * without_ms, attack.p99_floor_ms)
    if report[latency] > limit:
        found.append(f"p99 {report[latency]:.1f} ms (limit {limit:.1f})")
    return found


def is_late_only(found):
    """Nothing but the latency is wrong."""
    return bool(found) and all(text.startswith("p99 ") for text in found)


def judge(found, others_cpu):
    """The verdict in words, and what fails the run."""
    if is_late_only(found) and others_cpu > BUSY:
        return f"not judged: {found[0]}, other processes had {others_cpu:.0%} of the processors", []
    return f"FAILED: {'; '.join(found)}" if found else "ok", found


def text_of(result):
    return " ".join(f"{name}={value:,}" if isinstance(value, int) else f"{name}={value}"
                    for name, value in result.items() if value not in (0, {}, ""))


class Run:
    def __init__(self, options):
        self._options = options
        self._late = collections.Counter()  # attempts in which nothing but the latency was wrong
        self._latency = LATENCY[options.long]
        self.failed, self.lines = 0, []

    def run(self, engine):
        attacks = chosen(self._options, engine)
        while attacks:
            with Processes(self._options.bin) as processes:
                attacks = self._run_together(processes, engine, attacks)

    def _run_together(self, processes, engine, attacks):
        """One pair for all attacks until one of them harmed somebody; returns those that are left."""
        system = System(processes, engine, self._options.edge_flag)
        without = self._baseline(system)
        for number, attack in enumerate(attacks):
            found = self._attack(processes, system, engine, attack, without)
            if self._is_to_be_made_again(attack, engine, found):
                return attacks[number:]
            self.failed += bool(found)
            if found:
                return attacks[number + 1:]
        return []

    def _is_to_be_made_again(self, attack, engine, found):
        """The machine may have been busy for a moment."""
        if not is_late_only(found):
            return False
        self._late[attack.name, engine] += 1
        if self._late[attack.name, engine] == LATE_ATTEMPTS:
            return False
        print("    again, from the start: the machine may have been busy", flush=True)
        return True

    def _baseline(self, system):
        """p99 without an attack: the best of a few, because a busy machine must not allow more."""
        best = float("inf")
        for _ in range(BASELINES_MAX):
            report, _, _ = system.measure(lambda: time.sleep(BASELINE_SECONDS[self._options.long]))
            if exceeded(plan.Attack("none", plan.QUICK), report, {}, float("inf")):
                raise RunFailed(f"the bystanders are not well without an attack: {report}")
            best = min(best, report[self._latency])
            if best <= plan.Attack.p99_floor_ms:
                break
        return best

    def _attack(self, processes, system, engine, attack, without):
        seconds = self._options.seconds
        command = attack_command(attack, system, seconds)
        try:
            report, result, memory = system.measure(lambda: run_attacker(processes, command, seconds))
            found = exceeded(attack, report, memory, without, self._latency)
        except RunFailed as failure:
            if isinstance(failure, Stopped):
                raise
            print(f"{attack.name} {engine}: FAILED: {failure}", flush=True)
            return [str(failure)]
        verdict, found = judge(found, report["others_cpu"])
        memory_text = ", ".join(f"{name} {value}" for name, value in memory.items())
        print(f"{attack.name} {engine}: {text_of(result)} | MiB before/peak/after: {memory_text} | of "
              f"{report['sent']:,} sends lost {report['lost']:,}, refused {report['refused']:,}, closed "
              f"{sum(report['closes'].values())} | p99 {without:.1f} -> {report[self._latency]:.1f} ms, greatest "
              f"{report['max_ms']:.0f} | {verdict}", flush=True)
        if verdict.startswith("not judged"):  # tests/run.sh lists these at its end
            print(f"    NOT RUN: the judgement of {attack.name} with {engine}: {verdict}")
        for problem in report["problems"]:
            print(f"    {problem}")
        self.lines.append({"attack": attack.name, "engine": engine, "attacker": result, "without_p99_ms": without,
                           "bystanders": report, "verdict": verdict,
                           "memory": {name: vars(value) for name, value in memory.items()}})
        return found


def main(arguments):
    if arguments[:1] == ["--attacker"]:  # a process of its own, see attack_command
        _, name, address, seconds = arguments
        # The service refuses the address of an attacker for a while: it is neither the edge's nor the next attack's.
        number = [attack.name for attack in plan.ATTACKS].index(name)
        importlib.import_module("attacks.http2").source_address = (f"127.0.66.{number}", 0)
        print(json.dumps(importlib.import_module(f"attacks.{name}").run(address, float(seconds))))
        return 0
    options = parse(arguments)
    if options.list:
        for attack in plan.ATTACKS:
            print(f"{attack.name:<24} {attack.when:<8} {', '.join(attack.engines)}")
        return 0
    bound_run(SECONDS[options.long])
    allow_descriptors()
    run = Run(options)
    try:
        for engine in (options.engine,) if options.engine else (plan.MEMORY, plan.NATS):
            run.run(engine)
    except (RunFailed, PeerMissing) as failure:
        print(f"FAILED: {failure}", flush=True)
        return 1
    finally:
        if options.json:
            options.json.write_text(json.dumps(run.lines, indent=1, default=str))
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
