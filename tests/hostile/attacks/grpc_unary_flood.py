"""Unary flood: as many valid Publish calls as the server lets be open, on one connection."""

from . import grpc_wire

OPEN_MAX = 100
BODY = grpc_wire.publication("flood", "a" * 20)


def turn(client, until):
    while len(client.open) < OPEN_MAX:
        client.call(grpc_wire.PUBLISH, BODY, until=until)
    client.pump(0.1)


def run(address, seconds):
    return grpc_wire.repeat(address, seconds, turn)
