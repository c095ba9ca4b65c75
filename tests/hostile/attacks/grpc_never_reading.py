"""Subscribers that never read, while the same attacker publishes to their group: queues of the server fill."""

import contextlib
import socket
import time

from . import grpc_wire, http2

SUBSCRIBERS = 100
GROUP = "never read"
REQUEST = grpc_wire.message(grpc_wire.publications(*[grpc_wire.publication(GROUP, "a" * 60_000)] * 20))


def subscriber(address):
    """A subscriber on a connection of its own; its socket's buffer is as small as the kernel lets it be."""
    client = grpc_wire.Client(address)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    client.call(grpc_wire.SUBSCRIBE, grpc_wire.subscription(GROUP), end=False)
    return client


def run(address, seconds):
    until = time.monotonic() + seconds
    subscribers, refused = [], 0
    for _ in range(SUBSCRIBERS):
        try:
            subscribers.append(subscriber(address))
        except (http2.Cut, OSError):
            refused += 1

    def turn(client, until):
        stream, headers = client.headers(grpc_wire.PUBLISH_STREAM)
        client.send(headers, until)
        while client.send_data(stream, REQUEST, False, until):
            pass

    published = grpc_wire.repeat(address, max(until - time.monotonic(), 0), turn)
    for client in subscribers:
        with contextlib.suppress(OSError):
            client.socket.close()
    return {"subscribers": len(subscribers), "refused_subscribers": refused, "publisher": published}
