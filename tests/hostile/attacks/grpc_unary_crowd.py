"""Valid Publish calls as fast as they are answered, a hundred at a time on each of 40 connections."""

from . import grpc_unary_flood, grpc_wire

CONNECTIONS = 40


def turn(client, until):
    while len(client.open) < grpc_unary_flood.OPEN_MAX:
        client.call(grpc_wire.PUBLISH, grpc_unary_flood.BODY, until=until)
    client.pump()


def run(address, seconds):
    return grpc_wire.together(address, seconds, CONNECTIONS, turn)
