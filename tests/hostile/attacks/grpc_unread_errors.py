"""PublishStream calls whose requests have as many bad publications as a request may have; nobody reads the errors."""

from . import grpc_wire

CONNECTIONS = 16
STREAMS = 90
REQUEST = grpc_wire.message(grpc_wire.field(1, b"") * 65_536)


def turn(client, until):
    if len(client.open) < STREAMS:
        stream, headers = client.headers(grpc_wire.PUBLISH_STREAM)
        client.send(headers, until)
        client.send_data(stream, REQUEST, False, until)
    client.pump()


def run(address, seconds):
    return grpc_wire.together(address, seconds, CONNECTIONS, turn, window=0)
