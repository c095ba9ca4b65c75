#!/usr/bin/env python3
"""The other load clients, each in front of its real server, notice what goes wrong: they run
through a proxy that spoils one message on its way to a receiver. Usage: clients_test.py BIN_DIR"""

import asyncio
import pathlib
import re
import subprocess
import sys
import unittest

import peers
from processes import (LoadClient, Processes, RunFailed, bound_run, edge_port, measure_once,
                       start_publisher)

SECONDS = 60  # for each test
BYTES, MILLISECONDS = 64, 200
FIRST_SPOILED = 3  # earlier messages pass: the least number in a test is the one of `lonely`
# See load/message.h.
MESSAGE = re.compile(rb"0{8}[0-9a-f]{8}[a-z]{%d}" % (BYTES - 16))


def message(number):
    letters = bytes(ord("a") + (number + i) % 26 for i in range(BYTES - 16))
    return b"%016x" % number + letters


def spoil(data, fault):
    """`data` with one fault in it; None if it has no message (or pair of messages) for that."""
    found = [(match.start(), int(match[0][:16], 16)) for match in MESSAGE.finditer(data)]
    found = [(at, number) for at, number in found
             if number >= FIRST_SPOILED and data[at:at + BYTES] == message(number)]
    put = {}
    if fault == "late":
        for (at, number), (next_at, next_number) in zip(found, found[1:]):
            if next_number == number + 1:
                put = {at: message(next_number), next_at: message(number)}
                break
    elif found:
        at, number = found[0]
        put = {at: message(number - 1) if fault == "twice" else message(number)[:-1] + b"?"}
    if not put:
        return None
    for at, text in put.items():
        data = data[:at] + text + data[at + BYTES:]
    return data


class Proxy:
    """Of all connections together one chunk is spoiled, once."""

    def __init__(self, port, fault):
        self.port, self.fault = port, fault

    async def serve(self, reader, writer):
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.port)
        await asyncio.gather(self.pass_on(reader, server_writer, False),
                             self.pass_on(server_reader, writer, True), return_exceptions=True)

    async def pass_on(self, reader, writer, to_receiver):
        try:
            while data := await reader.read(1 << 18):
                if to_receiver and self.fault:
                    data = self.spoil(data, writer)
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    def spoil(self, data, writer):
        spoiled = spoil(data, "damaged" if self.fault == "closed" else self.fault)
        if spoiled is None:
            return data
        if self.fault == "closed":
            writer.close()
            spoiled = b""
        self.fault = ""
        return spoiled


async def run_proxy(port, fault):
    listener = await asyncio.start_server(Proxy(port, fault).serve, "127.0.0.1", 0)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


def start_proxy(processes, port, fault):
    proxy = processes.start(sys.executable, "-B", __file__, "--proxy", port, fault,
                            stdout=subprocess.PIPE)
    return proxy.stdout.readline().strip()


class ClientsNotice(unittest.TestCase):
    def setUp(self):
        bound_run(SECONDS)

    def check(self, run, **expected):
        """`run(processes, fault)`; `expected` has for each fault what the run then fails with."""
        for fault, text in {"": "", **expected}.items():
            with self.subTest(fault=fault), Processes(BIN_DIR) as processes:
                try:
                    run(processes, fault)
                    outcome = ""
                except RunFailed as failure:
                    outcome = str(failure)
                if text:
                    self.assertIn(text, outcome)
                else:
                    self.assertEqual("", outcome)

    @staticmethod
    def service(processes, fault):
        """The service's pid, and where the proxy in front of it listens."""
        service = processes.start_service()
        port = service.state["listen"].rpartition(":")[2]
        return service.pid, f"127.0.0.1:{start_proxy(processes, port, fault)}"

    def test_load(self):
        def run(processes, fault):
            service = processes.start_service()
            edge = processes.start_edge(service)
            orders = start_publisher(processes, service, "g")
            client = LoadClient(processes, start_proxy(processes, edge_port(edge), fault), orders)
            client.connect(20)
            client.command("join", "g", 0, 1, 0, 0)
            client.run(edge.pid, 8, BYTES, 0, MILLISECONDS)
        self.check(run, damaged="'damaged': 1", twice="'duplicated': 1", late="'reordered': 1",
                   closed="'closed': 1")

    def test_hub_load(self):
        def run(processes, fault):
            pid, address = self.service(processes, fault)
            measure_once(processes, "bench_hub_load", address, pid, 4, 16, 256, BYTES,
                         MILLISECONDS)
        self.check(run, damaged="'damaged': 1", twice="'duplicated': 1", late="'reordered': 1",
                   closed="the stream ended")

    def test_pubsub(self):
        def run(processes, fault):
            nats = peers.start_nats(processes, websocket=False)
            port = start_proxy(processes, nats.tcp_port, fault)
            measure_once(processes, "bench_pubsub", "nats", port, *nats.pids, 4, 16, 256, BYTES,
                         MILLISECONDS)
        self.check(run, damaged="'damaged': 1", twice="'duplicated': 1", late="'reordered': 1",
                   closed="bench_pubsub")

    def test_unary_lonely(self):
        def run(processes, fault):
            _, address = self.service(processes, fault)
            measure_once(processes, "bench_unary", "lonely", 5, 20, BYTES, address)
        self.check(run, damaged="'damaged': 1", twice="'duplicated': 1", closed="the stream ended")

    def test_unary_saturate(self):
        def run(processes, fault):
            pid, address = self.service(processes, fault)
            measure_once(processes, "bench_unary", "saturate", 8, BYTES, MILLISECONDS, pid, address)
        self.check(run, damaged="'damaged': 1", twice="'duplicated': 1", closed="the stream ended")

    def test_engine_load(self):
        def run(processes, fault):
            pid, address = self.service(processes, fault)
            measure_once(processes, "bench_engine_load", address, 0, 1, 16, 256, BYTES, 5000, 0,
                         pid)
        self.check(run, damaged="'damaged': 1", twice="'duplicated': 1", late="'reordered': 1",
                   closed="the stream ended")

    def test_jetstream(self):
        def run(processes, fault):
            nats = peers.start_jetstream(processes)
            url = f"nats://127.0.0.1:{start_proxy(processes, nats.tcp_port, fault)}"
            measure_once(processes, "bench_jetstream", "all", url, 0, 1, 16, 256, BYTES, 5000,
                         0, *nats.pids)
        self.check(run, damaged="'damaged': 1", twice="'duplicated': 1", late="'reordered': 1")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--proxy"]:
        asyncio.run(run_proxy(int(sys.argv[2]), sys.argv[3]))
    else:
        BIN_DIR = pathlib.Path(sys.argv.pop(1))
        unittest.main()
