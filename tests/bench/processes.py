"""The processes of a run: started here, ended here by pid, on every way out."""

import ctypes
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import urllib.request

START_SECONDS = 10
STOP_SECONDS = 5


class RunFailed(Exception):
    """The run cannot give figures; the text says why."""


def _die_with_parent():
    """In the child: prctl(PR_SET_PDEATHSIG, SIGTERM); even kill -9 of the bench leaves nothing."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Processes:
    """Starts processes and ends all of them when the `with` block is left, the last one first."""

    def __init__(self, bin_dir):
        self.bin_dir = pathlib.Path(bin_dir)
        self._children = []

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="channel-bench-")
        return self

    def __exit__(self, *_):
        while self._children:
            self.end(self._children[-1])
        self._folder.cleanup()

    def path(self, name):
        return pathlib.Path(self._folder.name) / name

    def start(self, program, *args, **popen):
        """Standard error goes to a file that `check` shows."""
        binary = self.bin_dir / program
        if not binary.exists():
            raise RunFailed(f"{binary} is not built")
        log = self.path(f"{program}-{len(self._children)}-{time.monotonic_ns()}.log")
        with open(log, "wb") as stderr:
            child = subprocess.Popen([binary, *map(str, args)], stderr=stderr, text=True,
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

    def _start_server(self, program, *flags):
        state_file = self.path(f"{program}-{time.monotonic_ns()}.json")
        child = self.start(program, "--listen=127.0.0.1:0", "--admin_listen=127.0.0.1:0",
                           f"--state_file={state_file}", "--log_level=warn", *flags)
        self._wait(state_file.exists, f"{program} did not start")
        child.state = json.loads(state_file.read_text())
        return child

    def start_service(self):
        return self._start_server("channel_service")

    def start_edge(self, service):
        edge = self._start_server("ws_edge", f"--channel={service.state['listen']}")
        self._wait(lambda: http_get(edge, "/readyz") is not None, "ws_edge is not ready")
        return edge

    def _wait(self, condition, failure):
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                raise RunFailed(failure)
            time.sleep(0.02)

    def wait_metric(self, edge, name, value):
        """Until the metric has reached the value."""
        def reached():
            for line in (http_get(edge, "/metrics") or "").splitlines():
                if line.split("{")[0].split(" ")[0] == name:
                    return float(line.split()[-1]) >= value
            return False
        self._wait(reached, f"{name} did not reach {value}")


def http_get(server, path):
    """The body of an answer 200 of the admin address, else None."""
    try:
        with urllib.request.urlopen(f"http://{server.state['admin']}{path}", timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return None


def user_system_ticks(pid):
    """CPU time of a process in clock ticks: (user, system). proc(5), fields 14 and 15."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]), int(fields[12])


def resident_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RunFailed(f"no VmRSS of process {pid}")


class LoadClient:
    """bench_load in front of one sender; a pipe carries its orders to the sender."""

    def __init__(self, processes, port, orders_fd, sources=1):
        self._processes = processes
        self._child = processes.start("bench_load", port, orders_fd, sources, pass_fds=[orders_fd],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    @classmethod
    def facing_raw_sender(cls, processes):
        """The client and the pid of its sender."""
        read_end, write_end = os.pipe()
        sender = processes.start("bench_raw_sender", stdin=read_end, stdout=subprocess.PIPE)
        port = sender.stdout.readline().strip()
        client = cls(processes, port, write_end)
        os.close(read_end)
        os.close(write_end)
        return client, sender.pid

    @classmethod
    def facing_edge(cls, processes, service, edge, group, sources=1):
        """The client; orders become publications to `group`."""
        read_end, write_end = os.pipe()
        processes.start("bench_publisher", service.state["listen"], group, stdin=read_end)
        client = cls(processes, edge.state["listen"].rpartition(":")[2], write_end, sources)
        os.close(read_end)
        os.close(write_end)
        return client

    def command(self, *words):
        try:
            self._child.stdin.write(" ".join(map(str, words)) + "\n")
            self._child.stdin.flush()
            answer = self._child.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self._child.wait(STOP_SECONDS)
        self._processes.check()
        return json.loads(answer)

    def run(self, pid, messages, bytes_each, together, milliseconds):
        """One measurement; any fault fails the run."""
        user_before, system_before = user_system_ticks(pid)
        result = self.command("run", pid, messages, bytes_each, together, milliseconds)
        user, system = user_system_ticks(pid)
        user, system = user - user_before, system - system_before
        result["user_share"] = user / (user + system) if user + system else 0
        check_faults(result)
        return result


FAULTS = ("lost", "duplicated", "reordered", "damaged", "closed")


def check_faults(result):
    faults = {name: result[name] for name in FAULTS if result.get(name)}
    if faults or not result.get("complete", True):
        raise RunFailed(f"messages were not delivered once, in order, whole: {faults or result}")
