"""Connections, again and again, each with a hundred Publish calls, that are closed before most are answered."""

import time

from . import grpc_wire

CALLS = 100
BODY = grpc_wire.publication("churn", "x")


def run(address, seconds):
    until = time.monotonic() + seconds
    tally = grpc_wire.Tally()
    while time.monotonic() < until:
        harmed = tally.got["cuts"] + tally.got["refused"]
        with tally.harm(), grpc_wire.Client(address) as client:
            tally.got["connections"] += 1
            for _ in range(CALLS):
                client.call(grpc_wire.PUBLISH, BODY, until=until)
            client.pump(0.005)
            tally.close(client)
        if tally.got["cuts"] + tally.got["refused"] > harmed:
            time.sleep(grpc_wire.PAUSE_SECONDS)
    return tally.result()
