"""Subscribe calls that subscribe to a group and are cancelled, again and again."""

import struct

from . import grpc_wire, http2

CALLS_PER_WRITE = 100


def turn(client, until):
    out = bytearray()
    for i in range(CALLS_PER_WRITE):
        stream, headers = client.headers(grpc_wire.SUBSCRIBE)
        body = grpc_wire.message(grpc_wire.subscription(f"cancelled {i}", last=10))
        out += headers + http2.frame(http2.DATA, 0, stream, body)
        out += http2.frame(http2.RST_STREAM, 0, stream, struct.pack(">I", http2.CANCEL))
    client.open.clear()
    client.send(bytes(out), until)
    client.pump()


def run(address, seconds):
    return grpc_wire.repeat(address, seconds, turn)
