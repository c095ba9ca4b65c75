"""Subscribe calls that are cancelled on many connections, on each more slowly than the guard cuts an address."""

import time

from . import grpc_wire

CONNECTIONS = 24
CANCELS_PER_SECOND = 450  # on each


def turn(client, until):
    if not hasattr(client, "began"):
        client.began = time.monotonic()
    for _ in range(10):
        if client.next_stream // 2 >= (time.monotonic() - client.began) * CANCELS_PER_SECOND:
            break
        client.reset(client.call(grpc_wire.SUBSCRIBE, grpc_wire.subscription("cancelled"), end=False, until=until), until)
    client.pump()


def run(address, seconds):
    return grpc_wire.together(address, seconds, CONNECTIONS, turn)
