"""Calls of 4 MiB each, nearly all of it fields that nobody knows, whose answers nobody reads."""

from . import grpc_wire

CONNECTIONS = 4
STREAMS = 100
PATHS = [grpc_wire.PUBLISH, grpc_wire.HISTORY, grpc_wire.HEALTH_CHECK, grpc_wire.HEALTH_WATCH]
MESSAGE = grpc_wire.message(grpc_wire.publication("fat", "a") + grpc_wire.field(15, "") * 2_000_000)


def turn(client, until):
    if len(client.open) < STREAMS:
        stream, headers = client.headers(PATHS[client.next_stream // 2 % len(PATHS)])
        client.send(headers, until)
        client.send_data(stream, MESSAGE, True, until)
    client.pump()


def run(address, seconds):
    return grpc_wire.together(address, seconds, CONNECTIONS, turn)
