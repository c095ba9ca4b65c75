#!/usr/bin/env python3
"""The load client of whole systems notices what a server does wrong: bench_swarm in front of a
small server that spoils one message. Usage: swarm_test.py BIN_DIR"""

import asyncio
import json
import pathlib
import subprocess
import sys
import unittest

from peers import Peer
from processes import Processes, RunFailed, bound_run
from swarm import Swarm

SECONDS = 30  # for each test
SPOILED_DELIVERY = 300  # of some thousand even on a busy machine; a message makes 10
SESSIONS, GROUPS, SENDERS, BYTES, MILLISECONDS = 20, 2, 3, 128, 400
UPGRADED = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")


def text_frame(text):
    length = len(text)
    return (bytes([0x81, length]) if length < 126 else
            bytes([0x81, 126]) + length.to_bytes(2, "big")) + text


class Server:
    """The plain dialect. `fault` befalls one delivery."""

    def __init__(self, fault):
        self.fault, self.groups, self.deliveries, self.late = fault, {}, 0, {}
        self.streams = {}  # writer to bytes that leave in pieces

    async def serve(self, reader, writer):
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(UPGRADED)
            while True:
                self.on_frame(writer, await read_frame(reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass

    def on_frame(self, writer, text):
        command = json.loads(text)
        members = self.groups.setdefault(command["group_id"], [])
        if command["cmd"] == "add_group":
            members.append(writer)
            return
        message = command["message"].encode()
        for member in members:
            self.deliveries += message[8:16] != b"@" * 8  # no probe
            spoiled = self.deliveries == SPOILED_DELIVERY
            self.deliveries += spoiled
            self.deliver(member, message, self.fault if spoiled else "")

    def deliver(self, member, message, fault):
        frame = text_frame(message)
        if fault == "late":
            self.late[member] = frame
            return
        if self.fault == "in pieces":
            self.streams.setdefault(member, bytearray()).extend(frame)
            return
        member.write({
            "lost": b"", "twice": frame * 2, "short": text_frame(message[:-1]),
            "damaged": frame[:80] + b"?" + frame[81:], "closed": b"\x88\x00"}.get(fault, frame))
        if member in self.late:
            member.write(self.late.pop(member))

    async def send_pieces(self):
        while True:
            for member, stream in self.streams.items():
                member.write(bytes(stream[:37]))
                del stream[:37]
            await asyncio.sleep(0)


async def read_frame(reader):
    length = (await reader.readexactly(2))[1] & 127
    if length == 126:
        length = int.from_bytes(await reader.readexactly(2), "big")
    mask = await reader.readexactly(4)
    return bytes(byte ^ mask[i % 4] for i, byte in enumerate(await reader.readexactly(length)))


async def serve(fault):
    server = Server(fault)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await server.send_pieces()


class SwarmNotices(unittest.TestCase):
    def setUp(self):
        bound_run(SECONDS)

    def outcome(self, fault):
        """What the run fails with; empty if it does not."""
        with Processes(BIN_DIR) as processes:
            server = processes.start(sys.executable, "-B", __file__, "--serve", fault,
                                     stdout=subprocess.PIPE)
            port = server.stdout.readline().strip()
            swarm = Swarm(processes, Peer("a server", [port], [server.pid]), "channel")
            swarm.gather(SESSIONS, GROUPS)
            try:
                if fault == "late":  # behind the next message of the same sender: an open loop
                    swarm.rate(2000, 1, BYTES, MILLISECONDS)
                else:
                    swarm.saturate(SENDERS, BYTES, MILLISECONDS)
            except RunFailed as failure:
                return str(failure)
        return ""

    def test_a_good_server_passes(self):
        self.assertEqual(self.outcome("none"), "")

    def test_frames_in_pieces_are_put_together(self):
        self.assertEqual(self.outcome("in pieces"), "")

    def test_a_lost_message_fails_the_run(self):
        self.assertIn("'lost': 1}", self.outcome("lost"))

    def test_a_repeated_message_fails_the_run(self):
        self.assertIn("'duplicated': 1}", self.outcome("twice"))

    def test_a_message_after_its_successor_fails_the_run(self):
        self.assertIn("'reordered': 1}", self.outcome("late"))

    def test_a_short_message_fails_the_run(self):
        self.assertIn("'damaged': 1}", self.outcome("short"))

    def test_a_changed_byte_fails_the_run(self):
        self.assertIn("'damaged': 1}", self.outcome("damaged"))

    def test_a_closed_session_fails_the_run(self):
        self.assertIn("the server said close", self.outcome("closed"))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve(sys.argv[2]))
    else:
        BIN_DIR = pathlib.Path(sys.argv.pop(1))
        unittest.main()
