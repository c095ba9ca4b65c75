"""Single messages by the unary Publish: no stall, and what a request costs (row 5)."""

from figure import Check, Column, Figure, Plot, Series, Spread, in_turns, percentile
from load_clients import measure_pubsub, measure_together

BYTES = 128
INTERVAL_MS = 1050  # gRPC's callback API sleeps 100 ms after 1,000 ms without an event
LIMIT_MS = 10
SERVICES = 8
OUTSTANDING = (1, 8, 64)


def measure_lonely(run, messages):
    """To each of several services a message after each interval in which it heard nothing. Only one
    message is on its way at a time, and the first one of each service, which connects, does not
    count."""
    with run.processes() as processes:
        services = [processes.start_service() for _ in range(SERVICES)]
        return measure_together(processes, [{
            "system": "unary", "address": service.state["listen"], "bytes": BYTES, "warm_up": 1,
            "publications": messages, "interval_us": INTERVAL_MS * 1000} for service in services],
            pause=INTERVAL_MS / 1000 / SERVICES)


def measure_saturated(run, rounds, milliseconds):
    """For each round the result of each number of calls that are on their way together."""
    with run.processes() as processes:
        service = processes.start_service()
        return in_turns(OUTSTANDING, rounds, lambda count: measure_pubsub(
            processes, system="unary", address=service.state["listen"], pids=service.pid,
            in_flight=count, bytes=BYTES, milliseconds=milliseconds))


def lonely_row(what, key, results):
    times = [ns / 1e6 for result in results for ns in result[key]]
    return {"what": f"{what}, a message each {INTERVAL_MS:,} ms", "count": len(times),
            "p50": percentile(times, 0.5), "p99": percentile(times, 0.99), "worst": max(times)}


def saturated_row(count, results):
    mine = [result[count] for result in results]
    together = "one call at a time" if count == 1 else f"{count} calls at a time"
    return {"what": f"call, {together}", "count": sum(result["publications"] for result in mine),
            "p50": Spread(result["acknowledge_p50_ns"] / 1e6 for result in mine).median,
            "p99": Spread(result["acknowledge_p99_ns"] / 1e6 for result in mine).median,
            "rate": Spread(result["publications"] / result["wall_ns"] * 1e9 for result in mine),
            "per_cpu": Spread(result["publications"] / result["cpu_ns"] * 1e9 for result in mine),
            "us": Spread(result["cpu_ns"] / result["publications"] / 1000 for result in mine)}


def measure(run):
    messages, rounds, milliseconds = (40, 5, 800) if run.full else (7, 3, 350)
    run.say(f"{messages} messages to each of {SERVICES} idle services")
    lonely = measure_lonely(run, messages)
    run.say("as many as go")
    results = measure_saturated(run, rounds, milliseconds)
    rows = [lonely_row("call", "acknowledge_samples_ns", lonely),
            lonely_row("delivery", "deliver_samples_ns", lonely)]
    rows += [saturated_row(count, results) for count in OUTSTANDING]
    return Figure(
        "publish", "5", "Single messages: the unary Publish",
        f"Calls of Publish with {BYTES} B, one subscriber. First to services that hear nothing for "
        f"{INTERVAL_MS:,} ms before each message: from the start of the call to its answer, and to "
        f"the arrival at the subscriber. Then as fast as one client with one connection can.",
        columns=[Column("what", "what"), Column("count", "number", ","),
                 Column("p50", "p50 ms", ".2f"), Column("p99", "p99 ms", ".2f"),
                 Column("worst", "worst ms", ".2f"), Column("rate", "requests/s", ",.0f"),
                 Column("per_cpu", "requests per CPU second", ",.0f"),
                 Column("us", "CPU µs", ".1f")],
        rows=rows,
        checks=[Check(f"{row['what']}: p99, ms", row["p99"], LIMIT_MS) for row in rows[:2]],
        plots=[Plot("Requests per CPU second of channel_service", "", "requests", "bars",
                    [Series("requests", [(row["what"].removeprefix("call, "), row["per_cpu"])
                                         for row in rows[2:]])])],
        notes=[f"p99 of {rows[0]['count']} messages" +
               ("" if run.full else ": the worst of them; --full sends more"),
               "CPU: of channel_service, with the delivery"])
