"""Gzip bombs: small messages that unfold to far more than the largest message. Unary calls, one after the other."""

import gzip
import time

from . import grpc_wire, http2

UNFOLDED_BYTES = 512 << 20
CALL_SECONDS_MAX = 10


def bomb():
    return gzip.compress(grpc_wire.publication("bomb", b"a" * UNFOLDED_BYTES), 9)


def run(address, seconds):
    packed = grpc_wire.message(bomb(), compressed=True)

    def turn(client, until):
        stream, headers = client.headers(grpc_wire.PUBLISH, more=[("grpc-encoding", "gzip")])
        client.send(headers, until)
        client.send_data(stream, packed, True, until)
        client.wait_for(lambda: stream not in client.open, min(CALL_SECONDS_MAX, until - time.monotonic()))

    return {"bytes_packed": len(packed), **grpc_wire.repeat(address, seconds, turn)}
