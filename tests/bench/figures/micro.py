"""The parts of both processes alone, by channel_micro_bench (Google Benchmark)."""

import json
import re
import subprocess

from figure import Check, Column, Figure, Plot, Series, Spread
from processes import RunFailed, Skipped

REPETITIONS = {False: 3, True: 9}  # quick, full
MIN_SECONDS = {False: 0.02, True: 0.05}  # of each repetition of each benchmark
PATIENCE_SECONDS = 120

TITLES = {
    "edge/parse/plain_join": "edge: parse add_group, plain",
    "edge/parse/plain_send": "edge: parse send_to_group, plain, {} B",
    "edge/parse/enveloped_send": "edge: parse send_to_group with id and key, enveloped, {} B",
    "edge/parse/enveloped_resume": "edge: parse add_group with since, enveloped",
    "edge/encode/plain": "edge: encode a publication, plain, {} B",
    "edge/encode/enveloped": "edge: encode a publication, enveloped, {} B",
    "edge/recent_ring/append": "edge: append to a full ring of newest publications",
    "edge/recent_ring/visit": "edge: visit an entry of the ring, {} in a row",
    "service/record": "service: serialise a record, {} B",
    "service/parse_request": "service: parse a publication, 64 in a request",
    "service/publish/unnumbered": "service: memory engine, publish",
    "service/publish/numbered": "service: memory engine, publish with publisher and sequence",
    "service/publish/keyed": "service: memory engine, publish with a new key",
    "service/key_lookup": "service: look up a known key among {}",
    "service/hub_fanout": "service: hub fan-out, a delivery to one of {} subscribers, 64 in a turn",
}
FANOUT = re.compile(r"edge/fanout/(plain|enveloped)/(\d+)/(\d+)$")
MEMBERS = (1, 10, 100, 1000)


def run_program(run):
    """{name: [repetition, …]} with what Google Benchmark says of each."""
    if not (run.bin_dir / "channel_micro_bench").exists():
        raise Skipped("channel_micro_bench is not built; it needs libbenchmark-dev "
                      "(deploy/install_deps.sh --tests)")
    with run.processes() as processes:
        program = processes.start(
            "channel_micro_bench", f"--benchmark_min_time={MIN_SECONDS[run.full]}",
            f"--benchmark_repetitions={REPETITIONS[run.full]}", "--benchmark_format=json",
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


def spread(repetitions, value):
    return Spread(value(repetition) for repetition in repetitions)


def place_of(result):
    """As the program lists them."""
    entry = result[1][0]
    return entry["family_index"], entry["per_family_instance_index"]


def ns_each(repetition):
    return 1e9 / repetition["items_per_second"]


def allocations(repetition):
    return repetition["allocations"]


def row_of(title, repetitions, allocations_each):
    return {"part": title, "ns": spread(repetitions, ns_each),
            "rate": 1e9 / spread(repetitions, ns_each).median, "allocations": allocations_each}


def title_of(name):
    base, _, argument = name.rpartition("/")
    if name in TITLES:
        return TITLES[name]
    return TITLES[base].format(f"{int(argument):,}") if base in TITLES else name


def plot_of(results):
    plot = Plot("Queueing a delivery for a member", "members of the group", "ns per delivery",
                "lines", [], log_x=True)
    for dialect in ("plain", "enveloped"):
        for pending in (1, 8):
            points = [(members, spread(results[f"edge/fanout/{dialect}/{pending}/{members}"],
                                       ns_each)) for members in MEMBERS]
            plot.series.append(Series(f"{dialect}, {pending} pending", points))
    return plot


def growth(results, dialect):
    """Allocations in a turn for each further member, the most of all cases."""
    def median(pending, members):
        return spread(results[f"edge/fanout/{dialect}/{pending}/{members}"], allocations).median
    return max((median(pending, MEMBERS[-1]) - median(pending, MEMBERS[0])) /
               (MEMBERS[-1] - MEMBERS[0]) for pending in (1, 8))


def measure(run):
    figure = Figure(
        "micro", "", "The parts alone",
        "Time of one operation in one thread, without gRPC, and calls of operator new in it. "
        "Fan-out: a delivery from upstream into a member's queue, encoding included, 32 B; `turn` "
        "adds sending it into a local socket.",
        columns=[Column("part", "part"), Column("ns", "ns", ",.1f"),
                 Column("rate", "operations/s", ",.0f"),
                 Column("allocations", "allocations", ".2f"), Column("turn", "turn ns", ",.1f")])
    results = run_program(run)
    for name, repetitions in sorted(results.items(), key=place_of):
        if fan_out := FANOUT.match(name):
            dialect, pending, members = fan_out[1], int(fan_out[2]), int(fan_out[3])
            each = spread(repetitions, allocations).median / pending / members
            row = row_of(f"edge: fan-out, {dialect}, {pending} pending, members: {members:,}",
                         repetitions, each)
            row["turn"] = spread(repetitions, lambda repetition: repetition["turn_ns"]).median
        else:
            row = row_of(title_of(name), repetitions, spread(repetitions, allocations).median)
        figure.rows.append(row)
    figure.plots.append(plot_of(results))
    figure.checks += [Check(f"allocations of a turn for each further member, {dialect}, encoding "
                            "included", round(growth(results, dialect), 3), 0)
                      for dialect in ("plain", "enveloped")]
    return figure
