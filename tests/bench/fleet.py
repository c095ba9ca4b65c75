"""Several servers with a load client each, ordered together: more connections than one process may
have (descriptors), and groups whose members are on several edges."""

import os
import struct
import time

from processes import (LoadClient, check_faults, cpu_ns, edge_port, start_publisher,
                       start_raw_sender)

CONNECT_STEPS = 50
STRAY_SECONDS = 0.01
SOURCES = 4  # addresses of each load client: its connections are more than an address has ports


class Fleet:
    """`facing_edges` or `facing_raw_senders` make one; `close` it, or leave a `with` block."""

    def __init__(self, pids, clients, orders):
        self.pids, self._clients, self._orders = pids, clients, orders
        self.connections = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for descriptor in self._orders:
            os.close(descriptor)

    @classmethod
    def facing_edges(cls, processes, service, edges, *sets):
        """Orders become publications to one of the sets of groups (see bench_publisher)."""
        orders = start_publisher(processes, service, *sets)
        clients = [LoadClient(processes, edge_port(edge), orders, SOURCES) for edge in edges]
        return cls([edge.pid for edge in edges], clients, [orders])

    @classmethod
    def facing_raw_senders(cls, processes, count):
        pids, clients, orders = [], [], []
        for _ in range(count):
            pid, port, descriptor = start_raw_sender(processes)
            pids.append(pid)
            orders.append(descriptor)
            clients.append(LoadClient(processes, port, descriptor, SOURCES))
        return cls(pids, clients, orders)

    def connect(self, total):
        """Until that many connections are held in all, each server's share the same."""
        self.connections = total
        for client, (first, end) in zip(self._clients, self._shares()):
            client.command("connect", end - first)

    @staticmethod
    def connect_in_turns(totals):
        """`totals`: clients or fleets, each with its number of connections. All are connected a few
        at a time, in turns: a socket costs what its place in memory costs, which would differ
        between those that were made first and last by up to a third."""
        for step in range(1, CONNECT_STEPS + 1):
            for client, total in totals:
                client.connect(total * step // CONNECT_STEPS)

    def join(self, name, groups=0, parts=1, way=0):
        """Every connection joins the group, or one group of each part of the set `name`."""
        for client, (first, _) in zip(self._clients, self._shares()):
            client.command("join", name, groups, parts, first, way)

    def cpu_ns(self):
        return sum(map(cpu_ns, self.pids))

    def turn(self, messages, bytes_each, way=0):
        """One order; returns when every connection has everything. Any fault fails the run."""
        for client in self._clients:
            client.command("expect", messages, bytes_each)
        start = time.monotonic_ns()
        for descriptor in self._orders:
            os.write(descriptor, struct.pack("III", messages, bytes_each, way))
        answers = self._settle()
        return {"deliveries": sum(answer["deliveries"] for answer in answers),
                "wall_ns": max(answer["end_ns"] for answer in answers) - start}

    def await_strays(self):
        """A moment in which nothing should come; what does is a duplicate, and fails the run."""
        time.sleep(STRAY_SECONDS)
        self._settle()

    def run(self, messages, bytes_each, way, milliseconds):
        """Turns for the time given; the sums, and the CPU time that the servers used."""
        if len(self._clients) == 1:  # it orders by itself, without this program between turns
            return self._clients[0].run(*self.pids, messages, bytes_each, way, milliseconds)
        start, cpu = time.monotonic(), self.cpu_ns()
        turns = []
        while not turns or time.monotonic() - start < milliseconds / 1000:
            turns.append(self.turn(messages, bytes_each, way))
        cpu = self.cpu_ns() - cpu
        self.await_strays()
        return {"cpu_ns": cpu, "turns": len(turns),
                "deliveries": sum(turn["deliveries"] for turn in turns),
                "wall_ns": sum(turn["wall_ns"] for turn in turns)}

    def _settle(self):
        for client in self._clients:
            client.tell("settle")
        answers = [client.answer() for client in self._clients]
        for answer in answers:
            check_faults(answer)
        return answers

    def _shares(self):
        """First and end of each client's connections."""
        count = len(self._clients)
        return [(self.connections * i // count, self.connections * (i + 1) // count)
                for i in range(count)]
