"""History calls of 1 MiB each, as many as may be open, whose answers nobody reads."""

from . import grpc_wire

CONNECTIONS = 16
STREAMS = 100
GROUP = "unread histories"
BODY = grpc_wire.field(1, GROUP) + grpc_wire.field(3, 1000)


def turn(client, until):
    for _ in range(10):
        if len(client.open) < STREAMS:
            client.call(grpc_wire.HISTORY, BODY, until=until)
    client.pump()


def run(address, seconds):
    grpc_wire.fill_history(address, GROUP, 1_000_000)
    return grpc_wire.together(address, seconds, CONNECTIONS, turn, window=0)
