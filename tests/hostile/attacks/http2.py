"""A raw HTTP/2 client for attacks: it writes each frame as it is told, also those that no library would write.

RFC 9113 (frames) and RFC 7541 (HPACK). Headers are sent as literals without indexing, and the peer is told that
its table of headers has no room, so both directions are without state. Standard library only.
"""

import select
import socket
import struct
import time

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
CANCEL = 8
SETTINGS_HEADER_TABLE_SIZE, SETTINGS_INITIAL_WINDOW_SIZE, SETTINGS_MAX_FRAME_SIZE = 1, 4, 5
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
WINDOW_MAX = (1 << 31) - 1
FRAME_BYTES_MAX = 16384  # what a peer takes that announces nothing else
# Entries of HPACK's static table (RFC 7541 appendix A) that have a value.
STATIC_STATUS = {8: "200", 9: "204", 10: "206", 11: "304", 12: "400", 13: "404", 14: "500"}


# Connections come from this (address, port); None: the kernel chooses.
source_address = None


class Cut(Exception):
    """The peer has closed or reset the connection."""


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(values):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in values.items()))


def integer(value, prefix_bits, first=0):
    """An integer of HPACK (RFC 7541 section 5.1)."""
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes([first | value])
    out, value = bytearray([first | limit]), value - limit
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    out.append(value)
    return bytes(out)


def header(name, value):
    name, value = (text if isinstance(text, bytes) else text.encode() for text in (name, value))
    return b"\0" + integer(len(name), 7) + name + integer(len(value), 7) + value


def indexed_header(name, value):
    """The same, and the peer is to remember it: the last one has the index 62, the one before 63 …"""
    return b"\x40" + header(name, value)[1:]


def by_index(index):
    return integer(index, 7, 0x80)


def decode_headers(block):
    """Names and values of a block whose encoder has no dynamic table; names of the static table are numbers."""
    found, at = {}, 0

    def read_integer(bits):
        nonlocal at
        limit = (1 << bits) - 1
        value, shift = block[at] & limit, 0
        at += 1
        if value < limit:
            return value
        while True:
            byte = block[at]
            at += 1
            value += (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def read_text():
        nonlocal at
        huffman = block[at] & 128
        size = read_integer(7)
        at += size
        text = bytes(block[at - size:at])
        return "(Huffman) " + text.hex() if huffman else text.decode("latin-1")

    while at < len(block):
        first = block[at]
        if first & 128:
            index = read_integer(7)
            found[index] = STATIC_STATUS.get(index, "")
        elif first & 0xE0 == 0x20:
            read_integer(5)
        else:
            index = read_integer(6 if first & 64 else 4)
            name = index or read_text()
            found[name] = read_text()
    return found


class Connection:
    """One connection. Answers SETTINGS and PING, unless told not to; `on_frame(kind, flags, stream, payload)` gets
    each frame. All calls raise Cut once the peer has closed. Only send_data heeds the windows of the peer."""

    def __init__(self, address, window=WINDOW_MAX, on_frame=None, answers=True):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host.strip("[]"), int(port)), 10, source_address)
        self.socket.setblocking(False)
        self.on_frame = on_frame or (lambda *_: None)
        self.answers = answers
        self.next_stream = 1
        self.sent = self.received = 0
        self._in, self._answer = bytearray(), bytearray()
        self._window, self._stream_window, self._windows = 65535, 65535, {}
        out = PREFACE + settings({SETTINGS_HEADER_TABLE_SIZE: 0, SETTINGS_INITIAL_WINDOW_SIZE: window})
        if window == WINDOW_MAX:
            out += frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", WINDOW_MAX - 65535))
        self.send(out)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def fileno(self):
        return self.socket.fileno()

    def take_stream(self):
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        return stream

    def send(self, data, until=None):
        """Sends all, and reads meanwhile. False if `until` (of time.monotonic) has passed before all was taken."""
        rest = memoryview(bytes(self._answer) + data)
        self._answer.clear()
        while rest:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                return False
            readable, writable, _ = select.select([self], [self], [], left)
            if readable:
                self._read()
            if writable:
                rest = rest[self._write(rest):]
        return True

    def send_data(self, stream, data, end, until):
        """Sends DATA frames as far as the windows allow; False if `until` has passed before all was sent."""
        at = 0
        while True:
            room = min(self._window, self._windows.setdefault(stream, self._stream_window), FRAME_BYTES_MAX)
            piece = data[at:at + max(room, 0)]
            at += len(piece)
            last = at == len(data)
            if piece or last:
                self._window -= len(piece)
                self._windows[stream] -= len(piece)
                if not self.send(frame(DATA, END_STREAM if end and last else 0, stream, piece), until):
                    return False
            if last:
                if end:
                    del self._windows[stream]
                return True
            if not piece:
                if time.monotonic() > until:
                    return False
                self.pump(0.1)

    def pump(self, seconds=0.0):
        """Reads what has come, or comes first within `seconds`, and answers it."""
        if select.select([self], [], [], seconds)[0]:
            self._read()
        if self._answer:
            self.send(b"")

    def _write(self, data):
        try:
            count = self.socket.send(data[:1 << 18])
        except BlockingIOError:
            return 0
        except OSError as error:
            raise Cut(str(error)) from None
        self.sent += count
        return count

    def _read(self):
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError as error:
            raise Cut(str(error)) from None
        if not data:
            raise Cut("closed")
        self.received += len(data)
        self._in += data
        at = 0
        while len(self._in) - at >= 9:
            size = int.from_bytes(self._in[at:at + 3], "big")
            if len(self._in) - at < 9 + size:
                break
            kind, flags, stream = struct.unpack_from(">BBI", self._in, at + 3)
            self._handle(kind, flags, stream & WINDOW_MAX, bytes(self._in[at + 9:at + 9 + size]))
            at += 9 + size
        del self._in[:at]

    def _handle(self, kind, flags, stream, payload):
        if kind in (SETTINGS, PING) and self.answers and not flags & ACK:
            self._answer += frame(kind, ACK, 0, payload if kind == PING else b"")
        if kind == SETTINGS:
            for name, value in struct.iter_unpack(">HI", payload):
                if name == SETTINGS_INITIAL_WINDOW_SIZE:
                    for open_stream in self._windows:
                        self._windows[open_stream] += value - self._stream_window
                    self._stream_window = value
        elif kind == WINDOW_UPDATE:
            more = int.from_bytes(payload, "big")
            if stream == 0:
                self._window += more
            else:
                self._windows[stream] = self._windows.get(stream, self._stream_window) + more
        self.on_frame(kind, flags, stream, payload)
