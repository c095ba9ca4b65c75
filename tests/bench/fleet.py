"""Sessions that only receive, in front of one or several servers that are ordered together: more
connections than one process may have (descriptors), and groups with members on several edges."""

import os
import struct
import time

from load_clients import Client, start_with_orders
from processes import cpu_ns, user_system_ticks

CONNECT_STEPS = 50


class Fleet:
    """A client for each server. `facing_edges` or `facing_raw` make one; any fault fails the run."""

    def __init__(self, pids, clients, orders):
        self.pids, self._clients, self._orders = pids, clients, orders
        self.connections = 0

    @classmethod
    def facing_edges(cls, processes, service, edges, *sets):
        """Orders become publications to one of the sets of groups (see load/bench_publisher.cc)."""
        _, orders = start_with_orders(processes, "bench_publisher", service.state["listen"], *sets)
        ports = [edge.state["listen"].rpartition(":")[2] for edge in edges]
        return cls([edge.pid for edge in edges],
                   [Client(processes, "edge", "channel", port, orders) for port in ports], [orders])

    @classmethod
    def facing_raw(cls, processes, count=1):
        """Each order goes to each of so many raw servers."""
        servers = [start_with_orders(processes, "bench_raw") for _ in range(count)]
        clients = [Client(processes, "raw", "channel", server.stdout.readline().strip(), orders)
                   for server, orders in servers]
        return cls([server.pid for server, _ in servers], clients, [orders for _, orders in servers])

    def connect(self, total):
        """Connects until so many connections are held in all, each server's share the same."""
        self.connections = total
        for client, (first, end) in zip(self._clients, self._shares()):
            client.command("connect", end - first)

    @staticmethod
    def connect_in_turns(totals):
        """`totals`: fleets, each with its number of connections. All are connected a few at a time,
        in turns: a socket costs what its place in memory costs, which would differ between those
        that were made first and last by up to a third."""
        for step in range(1, CONNECT_STEPS + 1):
            for fleet, total in totals:
                fleet.connect(total * step // CONNECT_STEPS)

    def join(self, name, groups=0, parts=1, way=0):
        """Every connection joins the group, or one group of each part of the set `name`."""
        for client, (first, _) in zip(self._clients, self._shares()):
            client.command("follow", name, groups, parts, first, way)

    def say(self, bytes_each, group):
        """Every connection sends a message."""
        for client in self._clients:
            client.command("say", bytes_each, group)

    def turn(self, messages, bytes_each, way=0):
        """One order; returns when every connection has everything."""
        for client in self._clients:
            client.command("expect", messages, bytes_each)
        start = time.monotonic_ns()
        for descriptor in self._orders:
            os.write(descriptor, struct.pack("III", messages, bytes_each, way))
        for client in self._clients:
            client.ask("settle")
        answers = [client.answer() for client in self._clients]
        return {"deliveries": sum(answer["deliveries"] for answer in answers),
                "wall_ns": max(answer["end_ns"] for answer in answers) - start}

    def run(self, messages, bytes_each, way, milliseconds):
        """Turns for the time given; the sums, and the CPU time that the servers used."""
        before = self._ticks()
        if len(self._clients) == 1:  # it orders by itself, without this program between turns
            result = self._clients[0].command("run", *self.pids, messages, bytes_each, way,
                                              milliseconds)
        else:
            result = self._run_turns(messages, bytes_each, way, milliseconds)
        user, system = (after - ticks for after, ticks in zip(self._ticks(), before))
        return result | {"user_share": user / (user + system) if user + system else 0}

    def _run_turns(self, messages, bytes_each, way, milliseconds):
        start, cpu = time.monotonic(), sum(map(cpu_ns, self.pids))
        turns = []
        while not turns or time.monotonic() - start < milliseconds / 1000:
            turns.append(self.turn(messages, bytes_each, way))
        cpu = sum(map(cpu_ns, self.pids)) - cpu
        return {"cpu_ns": cpu, "deliveries": sum(turn["deliveries"] for turn in turns),
                "wall_ns": sum(turn["wall_ns"] for turn in turns)}

    def _ticks(self):
        return [sum(ticks) for ticks in zip(*map(user_system_ticks, self.pids))]

    def _shares(self):
        """First and end of each client's connections."""
        count = len(self._clients)
        return [(self.connections * i // count, self.connections * (i + 1) // count)
                for i in range(count)]
