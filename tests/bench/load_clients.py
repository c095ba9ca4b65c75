"""The load clients of the bench (load/), as processes of a run."""

import json
import os
import subprocess
import time

from processes import STOP_SECONDS, RunFailed


def start_with_orders(processes, program, *args):
    """The process, and the descriptor that takes its orders (load/message.h)."""
    read_end, write_end = os.pipe()
    processes.descriptors.append(write_end)
    child = processes.start(program, *args, stdin=read_end, stdout=subprocess.PIPE)
    os.close(read_end)
    return child, write_end


class Client:
    """bench_swarm; see load/bench_swarm.cc for its commands. A fault fails the run, which then says
    `name`."""

    def __init__(self, processes, name, *args):
        self._processes, self.name = processes, name
        self._child = processes.start("bench_swarm", *args, pass_fds=args[2:],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, *words):
        """Gives a command; `answer` waits for what it brings."""
        try:
            self._child.stdin.write(" ".join(map(str, words)) + "\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            pass  # `answer` says why it ended

    def answer(self):
        text = self._child.stdout.readline()
        if not text:
            self._child.wait(STOP_SECONDS)
        try:
            self._processes.check()
            result = json.loads(text)
            check_faults(result)
        except RunFailed as failure:
            log = self._child.log.read_text(errors="replace")[-500:].strip()
            raise RunFailed(f"{self.name}: {failure} {log}".strip()) from None
        return result

    def command(self, *words):
        self.ask(*words)
        return self.answer()


def measure_pubsub(processes, **flags):
    """Runs bench_pubsub, which bounds its own waits, with these flags; any fault fails the run."""
    return measure_together(processes, [flags])[0]


def measure_together(processes, runs, pause=0):
    """Runs it with several sets of flags at the same time; each starts `pause` seconds after the
    one before."""
    commands = [("bench_pubsub", *(f"--{name}={value}" for name, value in flags.items()))
                for flags in runs]
    clients = []
    for command in commands:
        time.sleep(pause if clients else 0)
        clients.append(processes.start(*command, stdout=subprocess.PIPE))
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
