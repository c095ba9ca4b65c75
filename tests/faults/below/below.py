#!/usr/bin/env python3
"""Faults below the processes (scenarios.py), all at the same time, in a network of their own.

usage: below.py BIN_DIR [SCENARIO…]

Prints a line for each. Needs root: without it nothing is run, and that is said (77)."""

import concurrent.futures
import os
import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[1:1] = [str(HERE), str(HERE.parents[1] / "support"), str(HERE.parents[1] / "hostile")]
import scenarios  # noqa: E402
from processes import Processes, RunFailed, Skipped, bound_run  # noqa: E402

SECONDS = 200
INSIDE = "CHANNEL_BELOW_INSIDE"  # set in the namespaces of the run


def enter_namespaces():
    """Starts this program again, in a network and with mounts of its own."""
    words = ["unshare", "--net", "--mount", "--propagation", "private"]
    tried = subprocess.run([*words, "ip", "link", "set", "lo", "up"], check=False, capture_output=True, text=True)
    if tried.returncode != 0:
        print(f"NOT RUN: no namespaces of our own (they need root): {tried.stderr.strip()}")
        sys.exit(77)
    os.environ[INSIDE] = "1"
    os.execvp("unshare", [*words, sys.executable, "-B", __file__, *sys.argv[1:]])


def outcome(scenario, bin_dir):
    """Whether it is well, and a line about it."""
    try:
        with Processes(bin_dir) as processes:
            return True, f"ok: {scenario(processes)}"
    except Skipped as why:
        return True, f"NOT RUN: {why}"
    except (RunFailed, OSError, subprocess.CalledProcessError) as why:
        return False, f"FAILED: {why}"


def main(bin_dir, *names):
    chosen = [scenario for scenario in scenarios.ALL if not names or scenario.__name__ in names]
    if names and len(chosen) != len(set(names)):
        print(f"below.py: choose of {', '.join(scenario.__name__ for scenario in scenarios.ALL)}", file=sys.stderr)
        sys.exit(64)
    if INSIDE not in os.environ:
        enter_namespaces()
    scenarios.run("ip", "link", "set", "lo", "up")
    bound_run(SECONDS)
    well = []
    with concurrent.futures.ThreadPoolExecutor(len(chosen)) as pool:
        runs = {pool.submit(outcome, scenario, bin_dir): scenario for scenario in chosen}
        for done in concurrent.futures.as_completed(runs):
            good, line = done.result()
            well.append(good)
            print(f"{runs[done].__name__}: {line}", flush=True)
    sys.exit(0 if all(well) else 1)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        sys.exit(0 if len(sys.argv) > 1 else 64)
    main(*sys.argv[1:])
