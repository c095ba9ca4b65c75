"""A client of channel.v1.json, as much as a newcomer needs. It blocks, each call with a deadline."""

import json
import socket
import struct
import time

PATIENCE = 2  # seconds, for each answer


class Client:
    """Connects and upgrades; OSError if the edge does not want it, or does not answer in time."""

    def __init__(self, address, source="127.0.0.1"):
        host, port = address.rsplit(":", 1)
        self._socket = socket.create_connection((host, int(port)), PATIENCE, (source, 0))
        self._heard = b""
        self._socket.sendall((f"GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Protocol: channel.v1.json\r\n\r\n").encode())
        self._deadline = time.monotonic() + PATIENCE
        try:
            head = self._take(lambda: self._heard.find(b"\r\n\r\n") + 4 or None)
            if not head.startswith(b"HTTP/1.1 101 "):
                raise OSError(f"the upgrade was answered {head.splitlines()[0].decode()}")
            self.read("welcome")
        except OSError:
            self._socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self._socket.sendall(b"\x88\x82\0\0\0\0\x03\xe8")  # close 1000
        except OSError:
            pass  # it is gone already
        self._socket.close()

    def send(self, **command):
        self.send_all([command])

    def send_all(self, commands):
        """In one piece."""
        self._socket.sendall(b"".join(map(self._frame_of, commands)))

    @staticmethod
    def _frame_of(command):
        text = json.dumps(command).encode()
        length = bytes([0x80 | len(text)]) if len(text) < 126 else struct.pack(">BH", 0x80 | 126, len(text))
        return b"\x81" + length + b"\0\0\0\0" + text  # masked with 0

    def read(self, event):
        """The next event of this kind; others are skipped."""
        until = time.monotonic() + PATIENCE
        while (found := self.next(until))["event"] != event:
            pass
        return found

    def next(self, until):
        """The next event; TimeoutError if there is none until then (of time.monotonic). Answers pings."""
        self._deadline = until
        while True:
            first, payload = self._frame()
            if first == 0x88:
                raise OSError(f"closed with {payload!r}")
            if first == 0x89:
                self._socket.sendall(bytes([0x8a, 0x80 | len(payload)]) + b"\0\0\0\0" + payload)
            if first == 0x81:
                return json.loads(payload)

    def _frame(self):
        head = self._take(lambda: 2)
        length = head[1]
        if length == 126:
            length, = struct.unpack(">H", self._take(lambda: 2))
        elif length == 127:
            length, = struct.unpack(">Q", self._take(lambda: 8))
        return head[0], self._take(lambda: length)

    def _take(self, length):
        """As many bytes as `length()` says when it says something, and they are there."""
        while (wanted := length()) is None or len(self._heard) < wanted:
            self._socket.settimeout(max(self._deadline - time.monotonic(), 0.001))
            more = self._socket.recv(1 << 16)
            if not more:
                raise OSError("the edge closed the connection")
            self._heard += more
        taken, self._heard = self._heard[:wanted], self._heard[wanted:]
        return taken
