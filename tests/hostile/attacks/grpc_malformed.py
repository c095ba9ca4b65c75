"""Malformed bytes at every layer: frames, headers, gRPC's prefix, protobuf. The random ones tell their seed."""

import random

from . import grpc_wire, http2

BYTES = 512


def pieces(client, rng):
    """What is sent, one after the other: each on a call or a connection that may end by it."""
    noise = rng.randbytes(BYTES)
    yield client.headers(grpc_wire.PUBLISH)[1] + http2.frame(http2.DATA, 1, client.next_stream - 2, noise)
    stream, headers = client.headers(grpc_wire.PUBLISH_STREAM)
    yield headers + http2.frame(http2.DATA, 0, stream, grpc_wire.message(noise))
    yield http2.frame(http2.DATA, 0, stream, grpc_wire.message(noise, compressed=True))
    stream, headers = client.headers(grpc_wire.SUBSCRIBE)
    yield headers + http2.frame(http2.DATA, 0, stream, grpc_wire.message(grpc_wire.subscription("g"), length=3))
    yield client.headers("/no/such\x00method\n", more=[("x", "a\r\nb: c")])[1]
    yield http2.frame(http2.WINDOW_UPDATE, 0, stream, bytes(4))
    yield http2.frame(rng.randrange(11, 256), rng.randrange(256), stream, noise)
    yield http2.frame(http2.HEADERS, http2.END_HEADERS, client.take_stream(), noise)
    yield rng.randbytes(9) + noise


def run(address, seconds, seed=None):
    seed = random.randrange(1 << 32) if seed is None else seed
    rng = random.Random(seed)

    def turn(client, until):
        for piece in pieces(client, rng):
            client.send(piece, until)
            client.pump(0.01)

    return {"seed": seed, **grpc_wire.repeat(address, seconds, turn)}
