"""gRPC calls of the channel service over http2.py: messages by hand, and a tally of how calls ended."""

import collections
import contextlib
import struct
import time

from . import http2

PUBLISH = "/channel.v1.ChannelService/Publish"
PUBLISH_STREAM = "/channel.v1.ChannelService/PublishStream"
SUBSCRIBE = "/channel.v1.ChannelService/Subscribe"
HISTORY = "/channel.v1.ChannelService/History"
HEALTH_CHECK = "/grpc.health.v1.Health/Check"
HEALTH_WATCH = "/grpc.health.v1.Health/Watch"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
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


def fill_history(address, group, total_bytes):
    """Publishes so much to a group, and waits until it is accepted."""
    request = publications(*[publication(group, "a" * 60_000)] * (total_bytes // 60_000))
    with Client(address) as client:
        stream, headers = client.headers(PUBLISH_STREAM)
        client.send(headers)
        client.send_data(stream, message(request), True, time.monotonic() + 10)
        client.wait_for(lambda: not client.open, 10)


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


class Tally:
    """What an attacker got over all its connections."""

    def __init__(self):
        self.got = collections.Counter()
        self.ended = collections.Counter()
        self.goaways = collections.Counter()

    @contextlib.contextmanager
    def harm(self):
        """Counts how its connection ends, if it does: as a cut, or refused."""
        try:
            yield
        except http2.Cut:
            self.got["cuts"] += 1
        except OSError:
            self.got["refused"] += 1

    def close(self, client):
        self.got["bytes_sent"] += client.sent
        self.got["bytes_received"] += client.received
        self.got["streams"] += client.next_stream // 2
        self.ended += client.ended
        if client.goaway is not None:
            self.goaways[client.goaway] += 1
        with contextlib.suppress(OSError):
            client.socket.close()

    def result(self):
        return {**self.got, "ended": dict(self.ended), "goaways": dict(self.goaways)}


def repeat(address, seconds, turn, **options):
    """Connects and calls turn(client, until) again and again for `seconds`; connects anew after each cut. Returns
    what all of that got."""
    return together(address, seconds, 1, turn, **options)


def together(address, seconds, count, turn, **options):
    """The same with so many connections, which take turns."""
    until = time.monotonic() + seconds
    tally = Tally()
    clients = [None] * count
    retry_at = [0.0] * count
    while time.monotonic() < until:
        for at in range(count):
            if clients[at] is None:
                # A flood of connections is another attack.
                time.sleep(max(min(min(retry_at), until) - time.monotonic(), 0))
                if retry_at[at] > time.monotonic():
                    continue
                retry_at[at] = time.monotonic() + PAUSE_SECONDS
                with tally.harm():
                    clients[at] = Client(address, **options)
                    tally.got["connections"] += 1
            if clients[at] is None:
                continue
            cuts = tally.got["cuts"]
            with tally.harm():
                turn(clients[at], until)
            if tally.got["cuts"] > cuts:
                tally.close(clients[at])
                clients[at] = None
    for client in filter(None, clients):
        tally.close(client)
    return tally.result()
