"""Half messages: on each of many streams all but the last byte of a large message, which the server must keep."""

import time

from . import grpc_wire, http2

STREAMS = 1000
BODY_BYTES = 4 << 20
BODY = grpc_wire.message(b"a" * (BODY_BYTES - 1), length=BODY_BYTES)


def turn(client, until):
    for _ in range(STREAMS):
        stream, headers = client.headers(grpc_wire.PUBLISH_STREAM)
        client.send(headers, until)
        if not client.send_data(stream, BODY, False, until):
            return
    while time.monotonic() < until:
        client.pump(0.1)


def run(address, seconds):
    return grpc_wire.repeat(address, seconds, turn)
