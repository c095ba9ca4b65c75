"""What happens below the processes: links, time, names, memory, disks. Each scenario has processes of its own, so all
run at the same time; each returns a line about what it saw, and raises RunFailed."""

import contextlib
import os
import pathlib
import signal
import subprocess
import time

from attacks import grpc_wire
from network import FarMachine, run
from pair import Pair, wait_for
from processes import RunFailed, Skipped, http_get

NOTICED = 15  # seconds
BUSY = 5  # seconds that a busy machine may add
FOR_EVER = "--upstream_timeout=0"  # sessions stay while the service is away


def near_pair(processes, *service_flags):
    service = processes.start_server("channel_service", *service_flags)
    return Pair(processes, service, processes.start_edge(service, FOR_EVER))


def far_pair(processes, number):
    far = FarMachine(processes, number)
    service = processes.start_server("channel_service", f"--listen={far.far}:2206", "--admin_listen=127.0.0.1:2207",
                                     "--insecure", inside=far.inside)
    return far, Pair(processes, service, processes.start_edge(service, FOR_EVER), far)


def cut(processes, number, *loses):
    far, pair = far_pair(processes, number)
    for lose in loses:
        lose(far)
    began = time.monotonic()
    pair.send()
    pair.publish()  # beyond the cut
    noticed = {}
    while len(noticed) < 2:
        if not pair.is_up():
            noticed.setdefault("edge", time.monotonic() - began)
        if pair.metric("channel_service_subscribers") == 0:
            noticed.setdefault("service", time.monotonic() - began)
        if time.monotonic() - began > NOTICED + BUSY:
            raise RunFailed(f"not noticed in {NOTICED} s by both: {noticed}")
        time.sleep(0.05)
    far.heal()
    back = wait_for("the link is back", pair.is_up)
    return (f"noticed by the edge after {noticed['edge']:.1f} s, by the service after {noticed['service']:.1f} s, "
            f"back {back:.1f} s after the mend; {pair.check()}")


def cut_both_ways(processes):
    return cut(processes, 1, FarMachine.lose_what_it_gets, FarMachine.lose_what_it_sends)


def cut_towards_the_service(processes):
    return cut(processes, 2, FarMachine.lose_what_it_gets)


def cut_towards_the_edge(processes):
    return cut(processes, 3, FarMachine.lose_what_it_sends)


def frozen(processes, seconds):
    pair = near_pair(processes)
    pair.service.send_signal(signal.SIGSTOP)
    stat = pathlib.Path(f"/proc/{pair.service.pid}/stat")
    wait_for("the service stands", lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")
    texts = [pair.send() for _ in range(20)]
    time.sleep(seconds)
    pair.service.send_signal(signal.SIGCONT)
    wait_for("each send is answered", lambda: all(pair.answer(text) for text in texts))
    back = wait_for("the link is back", pair.is_up)
    answers = sorted({pair.answer(text) for text in texts})
    if answers != (["ok"] if seconds < 10 else ["unavailable"]):
        raise RunFailed(f"sends to a service that stood for {seconds} s were answered {answers}")
    return f"20 sends were answered {answers[0]}, back after {back:.1f} s; {pair.check()}"


def service_frozen_5_seconds(processes):
    return frozen(processes, 5)


def service_frozen_60_seconds(processes):
    return frozen(processes, 60)


def clock_moved(processes):
    """An hour ahead, then an hour back: history, keys and timeouts do not notice."""
    moved = processes.path("moved_clock")
    moved.write_text("0")
    env = {**os.environ, "LD_PRELOAD": str(processes.bin_dir / "libmoved_clock.so"), "MOVED_CLOCK": str(moved)}
    service = processes.start_server("channel_service", env=env)
    edge = processes.start_server("ws_edge", f"--channel={service.state['listen']}", FOR_EVER, env=env)
    pair = Pair(processes, service, edge)

    for hours in (1, -1, 0):
        moved.write_text(str(3600 * hours))
        time.sleep(3)  # ticks
        if "publication" not in pair.newest():
            raise RunFailed(f"the history is gone when the clock is {hours} h ahead")
        pair.must_hear()
        ahead = pair.member.newest_ms / 1000 - time.time()
        if abs(ahead - 3600 * hours) > 600:
            raise RunFailed(f"the clock of the service is {ahead:.0f} s ahead, not {hours} h")
    if http_get(service, "/healthz") is None or http_get(edge, "/healthz") is None:
        raise RunFailed("a process is not well")
    return pair.check()


def name_moves_and_vanishes(processes):
    """The name of the service gets another address when its machine is lost; then it is gone for a while."""
    hosts = processes.path("hosts")
    hosts.write_text("127.0.0.1 localhost\n127.0.0.11 channel.test\n")
    nobody = processes.path("resolv.conf")
    nobody.write_text("nameserver 127.0.0.99\n")
    run("mount", "--bind", hosts, "/etc/hosts")
    run("mount", "--bind", nobody, "/etc/resolv.conf")

    def start(address):
        return processes.start_server("channel_service", f"--listen={address}:2306")

    service = start("127.0.0.11")
    edge = processes.start_server("ws_edge", "--channel=channel.test:2306", FOR_EVER)
    pair = Pair(processes, service, edge)

    def lose():
        processes.end(pair.service)
        wait_for("the link is down", lambda: not pair.is_up())

    hosts.write_text("127.0.0.1 localhost\n127.0.0.12 channel.test\n")
    pair.service = start("127.0.0.12")
    processes.end(service)
    moved = wait_for("the edge finds the new address", lambda: pair.is_up() and pair.metric(
        "channel_service_subscribers") == 1, 30)
    hosts.write_text("127.0.0.1 localhost\n")
    lose()
    time.sleep(5)
    said = unready_reason(edge)
    pair.service = start("127.0.0.12")
    hosts.write_text("127.0.0.1 localhost\n127.0.0.12 channel.test\n")
    back = wait_for("the edge finds the address that is back", pair.is_up, 30)
    if "channel.test:2306" not in said:
        raise RunFailed(f"the edge did not say which name it cannot find: {said}")
    pair.must_send()
    if {gap["reason"] for gap in pair.member.gaps} != {"epoch"}:
        raise RunFailed(f"what the lost services took along was not announced: {pair.member.gaps}")
    return f"moved in {moved:.1f} s, back in {back:.1f} s; meanwhile the edge said: {said.strip()}"


def unready_reason(edge):
    return subprocess.run(["curl", "-q", "-s", f"http://{edge.state['admin']}/readyz"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout


MEMORY_BYTES = 192 << 20
FILL_BYTES = 512 << 20


def fill(address):
    """A back end publishes FILL_BYTES, to many groups and with keys."""
    body = "x" * 60_000
    with grpc_wire.Client(address) as client:
        stream, headers = client.headers(grpc_wire.PUBLISH_STREAM)
        client.send(headers)
        for number in range(FILL_BYTES // (60 * len(body))):
            batch = [grpc_wire.publication(f"filler {number} {i}", body, f"key {number} {i}") for i in range(60)]
            if not client.send_data(stream, grpc_wire.message(grpc_wire.publications(*batch)), False,
                                    time.monotonic() + 60):
                raise RunFailed("a publication was not taken in 60 s")


@contextlib.contextmanager
def memory_group():
    """A control group with MEMORY_BYTES, of either version: the words before a program that is to be inside, and a
    function that tells how often the kernel killed in it."""
    for root, limit, events in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.oom_control"),
                                ("/sys/fs/cgroup", "memory.max", "memory.events")):
        group = pathlib.Path(root, f"channel-test-{os.getpid()}")
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / limit).write_text(str(MEMORY_BYTES))
        except OSError:
            group.rmdir()
            continue

        def kills(path=group / events):
            return int(dict(line.split() for line in path.read_text().splitlines())["oom_kill"])

        procs = group / "cgroup.procs"
        try:
            yield ("sh", "-c", f'echo $$ >{procs} && exec "$@"', "sh"), kills
        finally:
            for pid in procs.read_text().split():
                os.kill(int(pid), signal.SIGKILL)
            wait_for("the control group is empty", lambda: not procs.read_text())
            group.rmdir()
        return
    raise Skipped("no control group for memory can be made here")


def little_memory(processes):
    """A service whose bounds fit into its control group is not killed, whatever is published."""
    with memory_group() as (inside, kills):
        service = processes.start_server("channel_service", f"--history_total_bytes_max={64 << 20}",
                                         f"--dedup_bytes_max={16 << 20}", inside=inside)
        pair = Pair(processes, service, processes.start_edge(service, FOR_EVER))
        fill(service.state["listen"])
        line = pair.check()
        processes.end(service)
        if kills() != 0:
            raise RunFailed("the kernel killed the service")
        return f"{FILL_BYTES >> 20} MiB published in {MEMORY_BYTES >> 20} MiB; {line}"


def full_disk_under_the_logs(processes):
    """Processes that cannot write their logs go on, and write them when there is space."""
    disk = processes.path("disk")
    disk.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk)
    filler = disk / "filler"
    try:
        service = processes.start_server("channel_service", "--log_level=debug", log=disk / "service.log")
        edge = processes.start_server("ws_edge", f"--channel={service.state['listen']}", "--log_level=debug",
                                      FOR_EVER, log=disk / "edge.log")
        with contextlib.suppress(OSError):
            filler.write_bytes(b"x" * (1 << 20))
        pair = Pair(processes, service, edge)
        for _ in range(20):
            pair.publish()
        line = pair.check()
        filler.unlink()
        before = service.log.stat().st_size
        pair.newest()  # a stream, which is logged
        wait_for("the service logs again", lambda: service.log.stat().st_size > before)
        return line
    finally:
        run("umount", "--lazy", disk)


ALL = (cut_both_ways, cut_towards_the_service, cut_towards_the_edge, service_frozen_5_seconds,
       service_frozen_60_seconds, clock_moved, name_moves_and_vanishes, little_memory, full_disk_under_the_logs)
