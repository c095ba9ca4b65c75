#!/usr/bin/env python3
"""The judge of attacks finds what is wrong, in figures that are made up and on a pair that is harmed by force.
Usage: hostile_test.py BIN_DIR"""

import copy
import os
import pathlib
import signal
import sys
import time
import unittest

import hostile
import plan
from processes import Processes, RunFailed, allow_descriptors, bound_run
from system import MIB, System

SECONDS = 90  # for each test
WELL = {"settled": True, "lost": 0, "duplicates": 0, "other_defects": 0, "surprises": 0, "refused": 0,
        "newcomers_refused": 0, "history_lost": 0, "closes": {}, "typical_p99_ms": 3.0, "p99_ms": 3.0}


class Figures:
    before, peak = 20 * MIB, 20 * MIB


class TheJudge(unittest.TestCase):
    def verdict(self, grown_mib=(0, 0), without_ms=2.0, **changes):
        memory = {"edge": Figures(), "service": Figures()}
        for each, mib in zip(memory.values(), grown_mib):
            each.peak += mib * MIB
        report = copy.deepcopy(WELL) | changes
        return hostile.exceeded(plan.Attack("one", plan.QUICK), report, memory, without_ms)

    def test_nothing_is_wrong_where_nobody_noticed_anything(self):
        self.assertEqual([], self.verdict())
        self.assertEqual([], self.verdict(grown_mib=(64, 64)))

    def test_each_harm_to_a_bystander_is_told(self):
        for name in ("lost", "duplicates", "other_defects", "surprises", "refused", "newcomers_refused",
                     "history_lost"):
            self.assertEqual([f"{name.replace('_', ' ')} 7"], self.verdict(**{name: 7}))
        self.assertEqual(["closed 3 with 4008"], self.verdict(closes={"4008": 3}))
        self.assertEqual(["not all arrived"], self.verdict(settled=False))

    def test_memory_beyond_the_bound_of_each_process_is_told(self):
        self.assertEqual(["RSS of the edge grew by 65 MiB (limit 64)"], self.verdict(grown_mib=(65, 0)))
        self.assertEqual(["RSS of the service grew by 65 MiB (limit 64)"], self.verdict(grown_mib=(0, 65)))

    def test_a_long_run_is_judged_by_all_its_latencies(self):
        report = WELL | {"p99_ms": 11.0}
        attack = plan.Attack("one", plan.LONG)
        self.assertEqual(["p99 11.0 ms (limit 10.0)"], hostile.exceeded(attack, report, {}, 2.0, hostile.LATENCY[True]))
        self.assertEqual([], hostile.exceeded(attack, report, {}, 2.0, hostile.LATENCY[False]))

    def test_a_latency_is_not_judged_on_a_machine_that_others_use(self):
        late, lost = ["p99 11.0 ms (limit 10.0)"], ["lost 7", "p99 11.0 ms (limit 10.0)"]
        self.assertEqual(("ok", []), hostile.judge([], 0.9))
        self.assertEqual(("FAILED: p99 11.0 ms (limit 10.0)", late), hostile.judge(late, 0.1))
        self.assertEqual([], hostile.judge(late, 0.3)[1])
        self.assertIn("not judged: p99 11.0 ms", hostile.judge(late, 0.3)[0])
        self.assertEqual(lost, hostile.judge(lost, 0.3)[1])

    def test_a_latency_may_double_and_always_be_10_ms(self):
        self.assertEqual([], self.verdict(typical_p99_ms=10.0))
        self.assertEqual(["p99 10.1 ms (limit 10.0)"], self.verdict(typical_p99_ms=10.1))
        self.assertEqual([], self.verdict(typical_p99_ms=14.0, without_ms=7.0))
        self.assertEqual(["p99 14.1 ms (limit 14.0)"], self.verdict(typical_p99_ms=14.1, without_ms=7.0))


class TheMeasurement(unittest.TestCase):
    def setUp(self):
        bound_run(SECONDS)
        allow_descriptors()

    def delivered_of_a_flood(self, *edge_flags):
        attack, seconds = plan.Attack("ws_publish_20", plan.QUICK), 2
        with Processes(BIN_DIR) as processes:
            system = System(processes, plan.MEMORY, edge_flags)
            command = hostile.attack_command(attack, system, seconds)
            return system.measure(lambda: hostile.run_attacker(processes, command, seconds))[0]["from_strangers"]

    def test_an_edge_without_limits_reads_more_of_a_flood(self):
        limited = self.delivered_of_a_flood()
        self.assertGreater(limited, 0)
        self.assertGreater(self.delivered_of_a_flood("--commands_per_second=0", "--bytes_per_second=0"), 2 * limited)

    def test_what_harms_a_real_pair_is_seen(self):
        with Processes(BIN_DIR) as processes:
            system = System(processes, plan.MEMORY)
            report, _, _ = system.measure(lambda: time.sleep(1))
            self.assertGreater(report["delivered"], report["sent"])
            self.assertEqual((report["sent"], 0, {}, 0),
                             (report["acknowledged"], report["lost"], report["closes"], report["history_lost"]))

            def freeze():
                os.kill(system.edge.pid, signal.SIGSTOP)
                time.sleep(1)
                os.kill(system.edge.pid, signal.SIGCONT)

            report, _, _ = system.measure(freeze)
            self.assertGreater(report["p99_ms"], 500)
            self.assertGreater(report["typical_p99_ms"], 100)
            self.assertEqual((0, {}), (report["lost"], report["closes"]))

            def end_edge():
                system.edge.send_signal(signal.SIGKILL)
                system.edge.wait()

            with self.assertRaisesRegex(RunFailed, "ws_edge ended"):
                system.measure(end_edge)


if __name__ == "__main__":
    BIN_DIR = pathlib.Path(sys.argv.pop(1))
    unittest.main()
