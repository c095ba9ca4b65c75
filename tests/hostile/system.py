"""What is attacked: an edge and a channel service with their default flags, and the bystanders."""

import json
import os
import pathlib
import subprocess
import threading
import time

import peers
import web_socket
from plan import NATS
from processes import RunFailed, machine_cpu_ns

NEWCOMER_SECONDS = 0.25  # between two of them
NEWCOMER_ADDRESS = "127.0.0.3"
STILL_PUBLICATIONS = 50  # in a group in which nothing happens during the attack; the log keeps 256, for 5 minutes
HISTORY_SECONDS = 3
MIB = 1 << 20


class Memory:
    """Resident bytes of a process: before, at the peak since this was made, and after."""

    def __init__(self, pid):
        self._folder = pathlib.Path(f"/proc/{pid}")
        (self._folder / "clear_refs").write_text("5")  # the peak begins anew; proc(5)
        self.before = self._read("VmRSS")
        self.peak = self.after = self.before

    def stop(self):
        self.peak, self.after = self._read("VmHWM"), self._read("VmRSS")

    def _read(self, name):
        for line in (self._folder / "status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        raise RunFailed(f"no {name} in {self._folder}/status")

    def __str__(self):
        return "/".join(f"{value / MIB:.0f}" for value in (self.before, self.peak, self.after))


class OtherProcesses:
    """What has nothing to do with the run, and makes latencies longer."""

    def __init__(self, processes):
        self._processes = processes
        self._start, self._before = time.monotonic_ns(), self._cpu_ns()

    def share(self):
        """Of all processors' time since this was made."""
        return max(0, self._cpu_ns() - self._before) / (time.monotonic_ns() - self._start) / os.cpu_count()

    def _cpu_ns(self):
        return machine_cpu_ns() - self._processes.cpu_ns()


class Newcomers:
    """Clients that connect one after the other while the block runs, and leave when they are welcome."""

    def __init__(self, address):
        self._address = address
        self.welcome = self.refused = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _run(self):
        while not self._end.wait(NEWCOMER_SECONDS):
            try:
                with web_socket.Client(self._address, NEWCOMER_ADDRESS):
                    self.welcome += 1
            except OSError:
                self.refused += 1


class System:
    """A pair with its bystanders. `processes` ends all of it."""

    def __init__(self, processes, engine, edge_flags=()):
        self.bin_dir = processes.bin_dir
        self._measured = 0  # how often
        flags = ()
        if engine == NATS:
            flags = ("--engine=nats", f"--nats_url=nats://{peers.start_jetstream(processes).address}")
        self._processes = processes
        self.service = processes.start_service(*flags)
        self.edge = processes.start_edge(self.service, *edge_flags)
        self._bystanders = processes.start("hostile_bystanders", self.port, stdin=subprocess.PIPE,
                                           stdout=subprocess.PIPE)
        self._answer()  # all have joined

    @property
    def port(self):
        return self.edge.state["listen"].rpartition(":")[2]

    def measure(self, work):
        """What the bystanders say of the time that `work()` took, what it returned, and the memory of
        edge and service."""
        self._measured += 1
        still_group = f"still-{self._measured}"
        self._publish(still_group)
        memory = {"edge": Memory(self.edge.pid), "service": Memory(self.service.pid)}
        others = OtherProcesses(self._processes)
        self._command("begin")
        with Newcomers(self.edge.state["listen"]) as newcomers:
            result = work()
        report = self._command("end")
        report["others_cpu"] = others.share()
        self._processes.check()
        for each in memory.values():
            each.stop()
        report["history_lost"] = STILL_PUBLICATIONS - self._held(still_group)
        report["newcomers"], report["newcomers_refused"] = newcomers.welcome, newcomers.refused
        return report, result, memory

    def _publish(self, group):
        with web_socket.Client(self.edge.state["listen"], NEWCOMER_ADDRESS) as client:
            for number in range(STILL_PUBLICATIONS):
                client.send(id=number, cmd="send_to_group", group_id=group, message=f"number {number}")
                client.read("ok")

    def _held(self, group):
        """How many publications the log holds of the group."""
        probe = self._processes.start("channel_probe", "subscribe", f"--grpc={self.service.state['listen']}",
                                      f"--group={group}", f"--last={STILL_PUBLICATIONS}",
                                      f"--count={STILL_PUBLICATIONS}", stdout=subprocess.PIPE)
        try:
            probe.wait(HISTORY_SECONDS)  # what it prints fits into the pipe
        except subprocess.TimeoutExpired:
            pass  # it waits for more than the log holds
        os.set_blocking(probe.stdout.fileno(), False)
        try:
            return os.read(probe.stdout.fileno(), 1 << 16).count(b'"publication"')
        except BlockingIOError:
            raise RunFailed(f"the service does not answer a newcomer: {probe.log.read_text()}"
                            f"{self.service.log.read_text(errors='replace')[-2000:]}") from None
        finally:
            self._processes.end(probe)

    def _command(self, word):
        try:
            self._bystanders.stdin.write(word + "\n")
            self._bystanders.stdin.flush()
        except BrokenPipeError:
            pass  # _answer says why it ended
        return self._answer()

    def _answer(self):
        text = self._bystanders.stdout.readline()
        if not text:
            self._bystanders.wait()
            self._processes.check()
        return json.loads(text)
