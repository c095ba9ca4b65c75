"""One stream that subscribes to as many groups as a request may have, from a position of another log, again and
again."""

from . import grpc_wire

SINCE = grpc_wire.field(2, grpc_wire.field(1, "k3") + grpc_wire.field(2, 1))
REQUEST = grpc_wire.message(b"".join(
    grpc_wire.field(1, grpc_wire.field(1, f"again {i}") + SINCE) for i in range(65_536)))


def turn(client, until):
    stream, headers = client.headers(grpc_wire.SUBSCRIBE)
    client.send(headers, until)
    while client.send_data(stream, REQUEST, False, until):
        pass


def run(address, seconds):
    return grpc_wire.repeat(address, seconds, turn)
