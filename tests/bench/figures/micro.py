"""The parts of both processes alone, by channel_micro_bench (Google Benchmark)."""

import json
import re
import subprocess

from figure import Check, Column, Figure, Plot, Spread, series_by
from processes import RunFailed, Skipped

REPETITIONS = {False: 3, True: 9}  # quick, full
MIN_SECONDS = {False: 0.02, True: 0.05}  # of each repetition of each benchmark
PATIENCE_SECONDS = 120

FANOUT = re.compile(r"edge/fanout/(plain|enveloped)/(\d+)/(\d+)$")


def run_program(run, only=".*"):
    """{name: [repetition, …]} with what Google Benchmark says of each."""
    if not (run.bin_dir / "channel_micro_bench").exists():
        raise Skipped("channel_micro_bench is not built; it needs libbenchmark-dev "
                      "(deploy/install_deps.sh --tests)")
    with run.processes() as processes:
        program = processes.start(
            "channel_micro_bench", f"--benchmark_min_time={MIN_SECONDS[run.full]}",
            f"--benchmark_repetitions={REPETITIONS[run.full]}", "--benchmark_format=json",
            f"--benchmark_filter={only}",
            "--benchmark_enable_random_interleaving=true", stdout=subprocess.PIPE)
        try:
            output, _ = program.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise RunFailed("channel_micro_bench takes too long") from None
        if program.returncode != 0:
            raise RunFailed(f"channel_micro_bench ended with {program.returncode}: " +
                            program.log.read_text(errors="replace")[-2000:].strip())
    results = {}
    for entry in json.loads(output)["benchmarks"]:
        if entry["run_type"] == "iteration":
            name = re.sub(r"/(iterations:\d+|manual_time)", "", entry["run_name"])
            results.setdefault(name, []).append(entry)
    return results


def place_of(result):
    """As the program lists them."""
    entry = result[1][0]
    return entry["family_index"], entry["per_family_instance_index"]


def make_row(name, repetitions):
    ns = Spread(1e9 / repetition["items_per_second"] for repetition in repetitions)
    allocations = Spread(repetition["allocations"] for repetition in repetitions).median
    row = {"part": name.replace("/", ", "), "ns": ns, "rate": 1e9 / ns.median,
           "allocations": allocations}
    if fan_out := FANOUT.match(name):
        dialect, pending, members = fan_out[1], int(fan_out[2]), int(fan_out[3])
        row |= {"part": f"edge: fan-out, {dialect}, {pending} pending, members: {members:,}",
                "allocations": allocations / pending / members, "in a turn": allocations,
                "turn": Spread(repetition["turn_ns"] for repetition in repetitions).median,
                "case": f"{dialect}, {pending} pending", "members": members}
    return row


def growth(cases):
    """Allocations in a turn for each further member, the most of all cases."""
    return max((case[-1]["in a turn"] - case[0]["in a turn"]) /
               (case[-1]["members"] - case[0]["members"]) for case in cases)


def measure(run):
    rows = [make_row(*result) for result in sorted(run_program(run).items(), key=place_of)]
    fan_out = [row for row in rows if "case" in row]
    checks = []
    for dialect in ("plain", "enveloped"):
        cases = [[row for row in fan_out if row["case"] == f"{dialect}, {pending} pending"]
                 for pending in (1, 8)]
        checks.append(Check(f"allocations of a turn for each further member, {dialect}, encoding "
                            "included", round(growth(cases), 3), 0))
    return Figure(
        "micro", "", "The parts alone",
        "Time of one operation in one thread, without gRPC, and calls of operator new in it. "
        "Fan-out: a delivery from upstream into a member's queue, encoding included, 32 B; `turn` "
        "adds sending it into a local socket.",
        columns=[Column("part", "part"), Column("ns", "ns", ",.1f"),
                 Column("rate", "operations/s", ",.0f"),
                 Column("allocations", "allocations", ".2f"), Column("turn", "turn ns", ",.1f")],
        rows=rows, checks=checks,
        plots=[Plot("Queueing a delivery for a member", "members of the group", "ns per delivery",
                    "lines", series_by(fan_out, "case", "members", "ns"), log_x=True)])
