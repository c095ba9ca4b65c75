"""The processes of a run: started here, ended here by pid, on every way out."""

import argparse
import ctypes
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

START_SECONDS = 15
STOP_SECONDS = 5
# All servers are on this machine; gRPC's clients and urllib would ask a proxy for them.
os.environ["no_proxy"] = os.environ["no_grpc_proxy"] = "127.0.0.1"
STOPPERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)  # end the bench


class RunFailed(Exception):
    """The run cannot give figures; the text says why."""


class Stopped(RunFailed):
    """The whole run has to end."""


class PeerMissing(Exception):
    """A program to compare with is not installed; the text names its package."""


class Skipped(Exception):
    """A figure has nothing to measure in this run; the text says why."""


class Usage(argparse.ArgumentParser):
    """Ends with 64 on wrong flags."""

    def error(self, message):
        print(f"{self.prog}: {message} (see --help)", file=sys.stderr)
        sys.exit(64)


def _stop(number, _):
    for other in STOPPERS:  # the way out must not be cut short; it has its own time limits
        signal.signal(other, signal.SIG_IGN)
    raise Stopped("time is up" if number == signal.SIGALRM else f"stopped by signal {number}")


def bound_run(seconds):
    """From now on Stopped is raised after so long, and when a signal wants to end the bench."""
    for number in STOPPERS:
        signal.signal(number, _stop)
    signal.alarm(seconds)


def allow_descriptors():
    """As many for each process as the system lets it have; returns how many."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _die_with_parent():
    """In the child: prctl(PR_SET_PDEATHSIG, SIGTERM); even kill -9 of the bench leaves nothing."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Processes:
    """Starts processes and ends all of them when the `with` block is left, the last one first."""

    def __init__(self, bin_dir):
        self.bin_dir = pathlib.Path(bin_dir)
        self.descriptors = []  # closed when the block is left
        self._children = []

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="channel-test-")
        return self

    def __exit__(self, *_):
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPERS)  # they wait: no child is left
        try:
            while self._children:
                self.end(self._children[-1])
            for descriptor in self.descriptors:
                os.close(descriptor)
            self._folder.cleanup()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def path(self, name):
        return pathlib.Path(self._folder.name) / name

    def start(self, program, *args, inside=(), log=None, **popen):
        """`program` is in the folder of programs, or has an absolute path; the words of `inside` come before
        it. Standard error goes to a file that `check` shows: `log`, or one of our own."""
        binary = self.bin_dir / program
        program = binary.name
        if not binary.exists():
            raise RunFailed(f"{binary} is not built")
        log = pathlib.Path(log or self.path(f"{program}-{len(self._children)}-{time.monotonic_ns()}.log"))
        with open(log, "wb") as stderr:
            child = subprocess.Popen([*map(str, inside), binary, *map(str, args)], stderr=stderr, text=True,
                                     preexec_fn=_die_with_parent, **popen)
        child.program, child.log = program, log
        self._children.append(child)
        return child

    def end(self, child):
        """TERM twice (the second one skips the drain), then KILL."""
        for stream in (child.stdin, child.stdout):
            if stream:
                stream.close()
        for number, patience in ((signal.SIGTERM, 0.2), (signal.SIGTERM, STOP_SECONDS),
                                 (signal.SIGKILL, STOP_SECONDS)):
            if child.poll() is not None:
                break
            child.send_signal(number)
            try:
                child.wait(patience)
            except subprocess.TimeoutExpired:
                pass
        if child in self._children:
            self._children.remove(child)

    def check(self):
        """Fails if a process ended by itself."""
        for child in self._children:
            if child.poll() is not None:
                raise RunFailed(f"{child.program} ended with {child.returncode}: " +
                                child.log.read_text(errors="replace")[-2000:].strip())

    def cpu_ns(self):
        """CPU time of this process and of all that it has started, those that ended too."""
        ended = os.times()
        own = time.process_time() + ended.children_user + ended.children_system
        return int(own * 1e9) + sum(cpu_ns(child.pid) for child in self._children
                                    if child.returncode is None)

    def start_server(self, program, *flags, **options):
        state_file = self.path(f"{program}-{time.monotonic_ns()}.json")
        child = self.start(program, "--listen=127.0.0.1:0", "--admin_listen=127.0.0.1:0",
                           f"--state_file={state_file}", "--log_level=warn", *flags, **options)
        self.wait(state_file.exists, f"{program} did not start")
        child.state = json.loads(state_file.read_text())
        return child

    def start_service(self, *flags):
        return self.start_server("channel_service", *flags)

    def start_edge(self, service, *flags):
        edge = self.start_server("ws_edge", f"--channel={service.state['listen']}", *flags)
        self.wait(lambda: http_get(edge, "/readyz") is not None, "ws_edge is not ready")
        return edge

    def wait(self, condition, failure):
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                raise RunFailed(failure)
            time.sleep(0.02)

    def wait_metric(self, server, name, least=0, most=float("inf")):
        """Waits until the metric is within these bounds."""
        self.wait(lambda: any(least <= value <= most for value in metric(server, name)),
                   f"{name} did not come to {least:g} … {most:g}")


def http_get(server, path):
    """The body of an answer 200 of the admin address, else None."""
    try:
        with urllib.request.urlopen(f"http://{server.state['admin']}{path}", timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return None


def metric(server, name):
    """All values of a metric, with whatever labels."""
    return [float(line.split()[-1]) for line in (http_get(server, "/metrics") or "").splitlines()
            if line.split("{")[0].split(" ")[0] == name]


def user_system_ticks(pid):
    """CPU time of a process in clock ticks: (user, system). proc(5), fields 14 and 15."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]), int(fields[12])


def machine_cpu_ns():
    """CPU time that all processors of the machine were not idle for. proc(5), stat."""
    ticks = list(map(int, pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))
    idle = ticks[3] + ticks[4]  # and waiting for a disk
    return (sum(ticks) - idle) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def resident_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RunFailed(f"no VmRSS of process {pid}")


def cpu_ns(pid):
    """CPU time of a process, all threads: its clock as clock_getcpuclockid(3) makes it."""
    return time.clock_gettime_ns(~pid << 3 | 2)
