"""SETTINGS flood: each one asks for an answer, and none is read."""

from . import grpc_wire, http2

FRAMES_PER_WRITE = 1000
FLOOD = http2.settings({http2.SETTINGS_MAX_FRAME_SIZE: http2.FRAME_BYTES_MAX}) * FRAMES_PER_WRITE


def turn(client, until):
    client.send(FLOOD, until)


def run(address, seconds):
    return grpc_wire.repeat(address, seconds, turn)
