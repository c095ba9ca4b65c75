"""Connections, again and again, each with a hundred Publish calls, that are closed before most are answered."""

import time

from . import grpc_wire, http2

CALLS = b"".join(
    http2.frame(http2.HEADERS, http2.END_HEADERS, stream, grpc_wire.request_headers(grpc_wire.PUBLISH))
    + http2.frame(http2.DATA, http2.END_STREAM, stream, grpc_wire.message(grpc_wire.publication("churn", "x")))
    for stream in range(1, 200, 2))


def run(address, seconds):
    until = time.monotonic() + seconds
    tally = grpc_wire.Tally()
    while time.monotonic() < until:
        harmed = tally.got["cuts"] + tally.got["refused"]
        with tally.harm(), grpc_wire.Client(address) as client:
            tally.got["connections"] += 1
            client.send(CALLS, until)
            client.pump(0.005)
            tally.close(client)
        if tally.got["cuts"] + tally.got["refused"] > harmed:
            time.sleep(grpc_wire.PAUSE_SECONDS)
    return tally.result()
