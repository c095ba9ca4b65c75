"""Stream flood: PublishStream calls with a large request each, as fast as they are answered."""

from . import grpc_wire, http2

OPEN_MAX = 20
REQUEST = grpc_wire.message(grpc_wire.publications(*[grpc_wire.publication("flood", "a" * 20)] * 2000))


def turn(client, until):
    while len(client.open) < OPEN_MAX:
        stream, headers = client.headers(grpc_wire.PUBLISH_STREAM)
        client.send(headers, until)
        if not client.send_data(stream, REQUEST, True, until):
            return
    client.wait_for(lambda: len(client.open) < OPEN_MAX, 0.1)


def run(address, seconds):
    return grpc_wire.repeat(address, seconds, turn)
