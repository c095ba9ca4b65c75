"""gRPC calls of the channel service over http2.py: messages by hand, and a tally of how calls ended."""

import collections
import contextlib
import struct
import time

from . import http2

PUBLISH = "/channel.v1.ChannelService/Publish"
PUBLISH_STREAM = "/channel.v1.ChannelService/PublishStream"
SUBSCRIBE = "/channel.v1.ChannelService/Subscribe"
# Between connections that end at once.
PAUSE_SECONDS = 0.05


def fields_of(path):
    return [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
            ("te", "trailers"), ("content-type", "application/grpc")]


def request_headers(path, more=()):
    return b"".join(http2.header(name, value) for name, value in [*fields_of(path), *more])


def remembered_headers(path):
    """The headers of a first call, and those, of a byte each, of all that follow."""
    fields = fields_of(path)
    first = b"".join(http2.indexed_header(name, value) for name, value in fields)
    return first, b"".join(http2.by_index(62 + at) for at in reversed(range(len(fields))))


def message(body, compressed=False, length=None):
    """A message with gRPC's prefix, which tells `length` if that is given."""
    return struct.pack(">BI", compressed, len(body) if length is None else length) + body


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, value):
    """A field of a protobuf message: an integer, or bytes, text, or a message that is serialised already."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def publication(group, text, key=""):
    """A PublishRequest."""
    return field(1, group) + field(2, text) + (field(4, key) if key else b"")


def publications(*requests):
    """A PublishStreamRequest."""
    return b"".join(field(1, request) for request in requests)


def subscription(group, last=0):
    """A SubscribeRequest of one group."""
    return field(1, field(1, group) + (field(3, last) if last else b""))


class Client(http2.Connection):
    """A connection that tallies how its calls ended: by gRPC status, or "reset" by the server. `open` has those
    that have not."""

    def __init__(self, address, **options):
        self.ended = collections.Counter()
        self.open = set()
        self.goaway = None
        super().__init__(address, on_frame=self._on_frame, **options)

    def headers(self, path, end=False, more=()):
        """Begins a call: its stream, and the frame that is to be sent."""
        stream = self.take_stream()
        self.open.add(stream)
        flags = http2.END_HEADERS | (http2.END_STREAM if end else 0)
        return stream, http2.frame(http2.HEADERS, flags, stream, request_headers(path, more))

    def call(self, path, body, end=True, more=(), until=None):
        """Begins a call with one message, of at most one frame; returns its stream."""
        stream, out = self.headers(path, more=more)
        flags = http2.END_STREAM if end else 0
        self.send(out + http2.frame(http2.DATA, flags, stream, message(body)), until)
        return stream

    def reset(self, stream, until=None):
        self.open.discard(stream)
        self.send(http2.frame(http2.RST_STREAM, 0, stream, struct.pack(">I", http2.CANCEL)), until)

    def wait_for(self, condition, seconds):
        """Reads until the condition holds; returns whether it does."""
        until = time.monotonic() + seconds
        while not condition() and time.monotonic() < until:
            self.pump(0.1)
        return condition()

    def _on_frame(self, kind, flags, stream, payload):
        if kind == http2.HEADERS and flags & http2.END_STREAM:
            self._end(stream, http2.decode_headers(payload).get("grpc-status", "none"))
        elif kind == http2.RST_STREAM:
            self._end(stream, "reset")
        elif kind == http2.GOAWAY:
            self.goaway = payload[8:].decode("latin-1") or f"code {int.from_bytes(payload[4:8], 'big')}"

    def _end(self, stream, how):
        if stream in self.open:
            self.open.discard(stream)
            self.ended[how] += 1


def repeat(address, seconds, turn, **options):
    """Connects and calls turn(client, until) again and again for `seconds`; connects anew after each cut. Returns
    what all of that got."""
    until = time.monotonic() + seconds
    got = collections.Counter()
    ended = collections.Counter()
    goaways = collections.Counter()
    while time.monotonic() < until:
        client = None
        began = time.monotonic()
        try:
            client = Client(address, **options)
            got["connections"] += 1
            while time.monotonic() < until:
                turn(client, until)
        except http2.Cut:
            got["cuts"] += 1
        except OSError:
            got["refused"] += 1
        if time.monotonic() - began < PAUSE_SECONDS:
            time.sleep(PAUSE_SECONDS)  # a flood of connections is another attack
        if client is not None:
            got["bytes_sent"] += client.sent
            got["bytes_received"] += client.received
            got["streams"] += client.next_stream // 2
            ended += client.ended
            if client.goaway is not None:
                goaways[client.goaway] += 1
            with contextlib.suppress(OSError):
                client.socket.close()
    return {**got, "ended": dict(ended), "goaways": dict(goaways)}
