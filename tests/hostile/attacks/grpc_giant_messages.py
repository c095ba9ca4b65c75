"""Giant messages: one announces 4 GiB less one byte, the other is above the largest that is taken. Both are sent as
far as the server lets them."""

from . import grpc_wire

SENT_BYTES = 64 << 20
ANNOUNCED = ((1 << 32) - 1, SENT_BYTES)


def run(address, seconds):
    body = bytes(SENT_BYTES)

    def turn(client, until):
        for announced in ANNOUNCED:
            stream, headers = client.headers(grpc_wire.PUBLISH_STREAM)
            client.send(headers, until)
            client.send_data(stream, grpc_wire.message(body, length=announced), False, until)
            client.wait_for(lambda: stream not in client.open, 1)

    return grpc_wire.repeat(address, seconds, turn)
