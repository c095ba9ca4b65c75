"""History calls of 1 MiB each from ten connections, of which some are cancelled: fewer than the guard cuts."""

import time

from . import grpc_wire

CONNECTIONS = 10
STREAMS = 100
CANCELS_PER_SECOND = 450
GROUP = "histories"
BODY = grpc_wire.field(1, GROUP) + grpc_wire.field(3, 1000)


def run(address, seconds):
    grpc_wire.fill_history(address, GROUP, 1_000_000)
    began = time.monotonic()
    cancelled = 0

    def turn(client, until):
        nonlocal cancelled
        while len(client.open) < STREAMS:
            stream = client.call(grpc_wire.HISTORY, BODY, until=until)
            if cancelled < (time.monotonic() - began) * CANCELS_PER_SECOND:
                cancelled += 1
                client.reset(stream, until)
        client.pump(0.001)

    return grpc_wire.together(address, seconds, CONNECTIONS, turn)
