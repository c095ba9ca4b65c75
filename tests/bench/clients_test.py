#!/usr/bin/env python3
"""The load clients, each in front of its real server, notice what goes wrong: they run through a
proxy that spoils one message on its way to a receiver. And what channel_micro_bench says is
understood. Usage: clients_test.py BIN_DIR"""

import asyncio
import pathlib
import re
import subprocess
import sys
import unittest
from types import SimpleNamespace

sys.path.append(str(pathlib.Path(__file__).parents[1] / "support"))
import peers
from figures import micro
from fleet import Fleet
from load_clients import measure_pubsub
from processes import Processes, RunFailed, Skipped, bound_run
from swarm import Swarm

SECONDS = 180  # for each test
BYTES, MILLISECONDS = 64, 200
FIRST_SPOILED = 3  # earlier messages pass: the least number in a test is the one of `lonely`
# See load/message.h.
MESSAGE = re.compile(rb"[@-O]{32}[a-z]{%d}" % (BYTES - 32))
TEXT_FRAME = b"\x81" + bytes([BYTES])  # a WebSocket frame starts so (RFC 6455, 5.2)


def number_in(digits):
    return sum((digit - 64) << 4 * i for i, digit in enumerate(digits))


def with_number(text, number):
    """Returns the same sender's message with another sequence number."""
    digits = bytes(64 + (number >> 4 * i & 15) for i in range(8))
    first = number_in(text[:8]) + number
    return (text[:8] + digits + text[16:32] +
            bytes(ord("a") + (first + i) % 26 for i in range(BYTES - 32)))


def spoil(data, fault):
    """`data` with one fault in it; None if it has no message (or pair of messages) for that."""
    found = [(match.start(), match[0], number_in(match[0][8:16]))
             for match in MESSAGE.finditer(data)]
    found = [(at, text, number) for at, text, number in found
             if number >= FIRST_SPOILED and text == with_number(text, number)]
    if fault == "late":
        for at, text, number in found:
            for next_at, next_text, next_number in found:
                if next_text[:8] == text[:8] and next_number == number + 1:
                    data = data[:at] + next_text + data[at + BYTES:]
                    return data[:next_at] + text + data[next_at + BYTES:]
        return None
    if not found:
        return None
    at, text, number = found[0]
    before, after = data[:at], data[at + BYTES:]
    if fault in ("damaged", "twice"):
        spoiled = text[:-1] + b"?" if fault == "damaged" else with_number(text, number - 1)
        return before + spoiled + after
    # The others only befall WebSocket frames.
    assert before.endswith(TEXT_FRAME)
    before = before[:-2]
    return before + {"lost": b"", "short": bytes([0x81, BYTES - 1]) + text[:-1],
                     "told to close": b"\x88\x00"}[fault] + after


class Proxy:
    """One chunk of all connections together is spoiled, once."""

    def __init__(self, port, fault):
        self.port, self.fault = port, fault

    async def serve(self, reader, writer):
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.port)
        await asyncio.gather(self.pass_on(reader, server_writer, False),
                             self.pass_on(server_reader, writer, True), return_exceptions=True)

    async def pass_on(self, reader, writer, to_receiver):
        kept = b""
        try:
            while data := await reader.read(1 << 18):
                data, kept = kept + data, b""
                if to_receiver and self.fault == "in pieces":
                    for at in range(0, len(data), 37):
                        writer.write(data[at:at + 37])
                        await asyncio.sleep(0)
                    continue
                if to_receiver and self.fault:
                    spoiled = self.spoil(data, writer)
                    if self.fault == "late" and MESSAGE.search(data) and len(data) < 1000:
                        kept = data  # until the next message is there, too
                        continue
                    data = spoiled
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
            fault = fault.replace("_", " ")
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

    def check_pubsub(self, start, flags, **expected):
        """bench_pubsub with `flags`, in front of what `start(processes)` starts: its address."""
        def run(processes, fault):
            address = start(processes)
            port = start_proxy(processes, address.rpartition(":")[2], fault)
            measure_pubsub(processes, address=f"127.0.0.1:{port}", bytes=BYTES, **flags)
        self.check(run, damaged="'damaged': 1", twice="'duplicated': 1", **expected)

    @staticmethod
    def service(processes):
        return processes.start_service().state["listen"]

    def check_websocket(self, run, **expected):
        """`run(processes, service, edge, port)`: what looks like an edge, on the proxy's port."""
        def run_edge(processes, fault):
            service = processes.start_service()
            edge = processes.start_edge(service)
            port = start_proxy(processes, edge.state["listen"].rpartition(":")[2], fault)
            edge.state["listen"] = f"127.0.0.1:{port}"
            run(processes, service, edge, port)
        self.check(run_edge, damaged="'damaged': 1", twice="'duplicated': 1", lost="'lost': 1",
                   short="'damaged': 1", in_pieces="", closed="'closed': 1",
                   told_to_close="the server said close", **expected)

    def test_fan_out(self):
        def run(processes, service, edge, _):
            fleet = Fleet.facing_edges(processes, service, [edge], "g")
            fleet.connect(20)
            fleet.join("g")
            fleet.run(8, BYTES, 0, MILLISECONDS)
        self.check_websocket(run, late="'reordered': 1")

    def check_talk(self, talk, **expected):
        def run(processes, _, edge, port):
            swarm = Swarm(processes, peers.Peer("an edge", [port], [edge.pid]), "channel")
            swarm.gather(20, 2)
            talk(swarm)
        self.check_websocket(run, **expected)

    def test_closed_loop(self):
        self.check_talk(lambda swarm: swarm.saturate(3, BYTES, MILLISECONDS))

    def test_open_loop(self):
        self.check_talk(lambda swarm: swarm.rate(2000, 1, BYTES, MILLISECONDS),
                        late="'reordered': 1")

    def test_stream(self):
        self.check_pubsub(self.service, {
            "system": "stream", "subscribers": 4, "groups": 2, "together": 16, "in_flight": 256,
            "milliseconds": MILLISECONDS}, late="'reordered': 1", closed="stream ended")

    def test_nats(self):
        self.check_pubsub(lambda processes: peers.start_nats(processes, websocket=False).address, {
            "system": "nats", "subscribers": 4, "together": 16, "in_flight": 256,
            "milliseconds": MILLISECONDS}, late="'reordered': 1", closed="closed a connection")

    def test_unary_lonely(self):
        self.check_pubsub(self.service, {
            "system": "unary", "warm_up": 1, "publications": 5, "interval_us": 20_000},
            closed="stream ended")

    def test_unary_saturate(self):
        self.check_pubsub(self.service, {
            "system": "unary", "in_flight": 8, "milliseconds": MILLISECONDS},
            closed="stream ended")

    def test_jetstream(self):
        self.check_pubsub(lambda processes: peers.start_jetstream(processes).address, {
            "system": "jetstream", "together": 16, "in_flight": 256, "publications": 5000},
            late="'reordered': 1")


class MicroBenchIsRead(unittest.TestCase):
    def test_all_of_its_output_is_json(self):
        run = SimpleNamespace(bin_dir=BIN_DIR, full=False, processes=lambda: Processes(BIN_DIR))
        try:
            self.assertEqual(2, len(micro.run_program(run, "plain/1/1/|add_group, plain")))
        except Skipped as reason:
            self.skipTest(str(reason))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--proxy"]:
        asyncio.run(run_proxy(int(sys.argv[2]), sys.argv[3]))
    else:
        BIN_DIR = pathlib.Path(sys.argv.pop(1))
        unittest.main()
