"""10,000 streams that stay open and do nothing, over as many connections as that takes."""

import collections
import time

from . import grpc_wire, http2

STREAMS = 10_000
STREAMS_PER_CONNECTION = 100  # the service allows no more


def run(address, seconds):
    until = time.monotonic() + seconds
    clients, cuts = [], 0
    for _ in range(STREAMS // STREAMS_PER_CONNECTION):
        try:
            client = grpc_wire.Client(address)
            for _ in range(STREAMS_PER_CONNECTION):
                client.send(client.headers(grpc_wire.SUBSCRIBE)[1], until)
            clients.append(client)
        except (http2.Cut, OSError):
            cuts += 1
    while time.monotonic() < until and clients:
        for client in list(clients):
            try:
                client.pump(0.1 / len(clients))
            except http2.Cut:
                cuts += 1
                clients.remove(client)
    ended = sum((client.ended for client in clients), collections.Counter())
    open_streams = sum(len(client.open) for client in clients)
    for client in clients:
        client.socket.close()
    return {"open": open_streams, "cuts": cuts, "ended": dict(ended)}
