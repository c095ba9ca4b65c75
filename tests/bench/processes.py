"""The processes of a run: started here, ended here by pid, on every way out."""

import ctypes
import json
import os
import pathlib
import resource
import signal
import subprocess
import tempfile
import time
import urllib.request

START_SECONDS = 10
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
        self._children = []

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="channel-bench-")
        return self

    def __exit__(self, *_):
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPERS)  # they wait: no child is left
        try:
            while self._children:
                self.end(self._children[-1])
            self._folder.cleanup()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def path(self, name):
        return pathlib.Path(self._folder.name) / name

    def start(self, program, *args, **popen):
        """`program` is in the folder of programs, or has an absolute path. Standard error goes to a
        file that `check` shows."""
        binary = self.bin_dir / program
        program = binary.name
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

    def start_service(self, *flags):
        return self._start_server("channel_service", *flags)

    def start_edge(self, service, *flags):
        edge = self._start_server("ws_edge", f"--channel={service.state['listen']}", *flags)
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

    def wait_zero(self, edge, name):
        """Until the metric is 0."""
        def is_zero():
            lines = (http_get(edge, "/metrics") or "").splitlines()
            return any(line.split() == [name, "0"] for line in lines)
        self._wait(is_zero, f"{name} did not become 0")


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


def cpu_ns(pid):
    """CPU time of a process, all threads: its clock as clock_getcpuclockid(3) makes it."""
    return time.clock_gettime_ns(~pid << 3 | 2)


def start_raw_sender(processes):
    """Its pid, its port, and the descriptor that takes its orders (load/message.h)."""
    read_end, write_end = os.pipe()
    sender = processes.start("bench_raw_sender", stdin=read_end, stdout=subprocess.PIPE)
    os.close(read_end)
    return sender.pid, sender.stdout.readline().strip(), write_end


def start_publisher(processes, service, *sets):
    """The descriptor that takes its orders; they become publications to sets of groups."""
    read_end, write_end = os.pipe()
    processes.start("bench_publisher", service.state["listen"], *sets, stdin=read_end)
    os.close(read_end)
    return write_end


def edge_port(edge):
    return edge.state["listen"].rpartition(":")[2]


class LoadClient:
    """bench_load in front of one sender; a pipe carries its orders to the sender."""

    def __init__(self, processes, port, orders_fd, sources=1):
        self._processes = processes
        self._child = processes.start("bench_load", port, orders_fd, sources, pass_fds=[orders_fd],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    @classmethod
    def facing_raw_sender(cls, processes, sources=1):
        """The client and the pid of its sender."""
        pid, port, orders = start_raw_sender(processes)
        client = cls(processes, port, orders, sources)
        os.close(orders)
        return client, pid

    @classmethod
    def facing_edge(cls, processes, service, edge, group, sources=1):
        """The client; orders become publications to `group` (or a set, see bench_publisher)."""
        orders = start_publisher(processes, service, group)
        client = cls(processes, edge_port(edge), orders, sources)
        os.close(orders)
        return client

    def tell(self, *words):
        try:
            self._child.stdin.write(" ".join(map(str, words)) + "\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            pass  # seen by answer()

    def answer(self):
        line = self._child.stdout.readline()
        if not line:
            self._child.wait(STOP_SECONDS)
        self._processes.check()
        return json.loads(line)

    def command(self, *words):
        self.tell(*words)
        return self.answer()

    def connect(self, total):
        """Until that many connections are held."""
        self.command("connect", total)

    def run(self, pid, messages, bytes_each, way, milliseconds):
        """One measurement; any fault fails the run."""
        user_before, system_before = user_system_ticks(pid)
        result = self.command("run", pid, messages, bytes_each, way, milliseconds)
        user, system = user_system_ticks(pid)
        user, system = user - user_before, system - system_before
        result["user_share"] = user / (user + system) if user + system else 0
        check_faults(result)
        return result


def measure_once(processes, program, *args):
    """What a load client says that measures once and ends; any fault fails the run. The client
    bounds its own waits."""
    return measure_together(processes, [(program, *args)])[0]


def measure_together(processes, commands):
    """The same of several load clients that run at the same time."""
    clients = [processes.start(*command, stdout=subprocess.PIPE) for command in commands]
    answers = [client.stdout.readline() for client in clients]
    for client, answer in zip(clients, answers):
        if answer:
            processes.end(client)
        else:
            client.wait(STOP_SECONDS)  # and it is found by the check
    processes.check()
    return [_read_result(answer, command) for answer, command in zip(answers, commands)]


def _read_result(answer, command):
    result = json.loads(answer)
    try:
        check_faults(result)
    except RunFailed as failure:
        raise RunFailed(f"{' '.join(map(str, command))}: {failure}") from None
    return result


FAULTS = ("lost", "duplicated", "reordered", "damaged", "closed")


def check_faults(result):
    faults = {name: result[name] for name in FAULTS if result.get(name)}
    if faults or not result.get("complete", True):
        raise RunFailed(f"messages were not delivered once, in order, whole: {faults or result}")
