"""The load client of whole systems: bench_swarm in front of each system that is compared."""

import dataclasses
import subprocess

import peers
from load_clients import Client

OURS = "Channel"


class Swarm(Client):
    """Sessions that send and receive. `system`: a peers.Peer, or what looks like one."""

    def __init__(self, processes, system, dialect):
        super().__init__(processes, system.name, dialect, ",".join(map(str, system.ports)))
        self.pids = ",".join(map(str, system.pids))

    def gather(self, sessions, groups):
        """Connects sessions and puts them into groups whose members hear each other."""
        self.command("connect", sessions)
        self.command("join", groups)

    def saturate(self, senders, bytes_each, milliseconds):
        return self.command("saturate", self.pids, senders, bytes_each, milliseconds)

    def rate(self, per_second, senders, bytes_each, milliseconds):
        return self.command("rate", self.pids, per_second, senders, bytes_each, milliseconds)

    def latency(self, count, interval_us, bytes_each):
        return self.command("latency", count, interval_us, bytes_each)

    def connects(self, count, groups):
        return self.command("connects", self.pids, count, groups)

    def close(self):
        self.command("close", self.pids)


def start_ours(processes, edges=2):
    """Edges, each on a port of its own, and the channel service."""
    service = processes.start_service()
    children = [processes.start_edge(service) for _ in range(edges)]
    return peers.Peer(OURS, [edge.state["listen"].rpartition(":")[2] for edge in children],
                      [edge.pid for edge in children] + [service.pid])


# Ours, and its peers: how each is started, and what it speaks.
COMPARED = ((start_ours, "channel"), (peers.start_ws_redis, "channel"),
            (peers.start_socketio, "socketio"),
            (peers.start_nats, "nats"))


def start_all(run, processes, alone=False):
    """A swarm in front of ours, then of each peer unless the run leaves them out. `alone`: in front
    of one process of each, which serves the first port, and whose CPU time alone counts."""
    swarms = []
    for start, dialect in COMPARED[:1] if run.without_peers else COMPARED:
        system = start(processes)
        if alone:
            system = dataclasses.replace(system, ports=system.ports[:1], pids=system.pids[:1])
        swarms.append(Swarm(processes, system, dialect))
    return swarms


def start_ws_corked(processes):
    """ws + Redis with the edge's own technique built around it (see ws_redis.mjs)."""
    return Swarm(processes, peers.start_ws_redis(processes, way="corked"), "channel")


def start_nats_pair(processes):
    """Two nats-servers; clients of one group are on different ones."""
    return Swarm(processes, peers.start_nats_pair(processes), "nats")


def start_relay(processes):
    """The floor: messages between sessions over one epoll loop, no groups."""
    relay = processes.start("bench_raw", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    port = relay.stdout.readline().strip()
    return Swarm(processes, peers.Peer("raw relay", [port], [relay.pid]), "raw")
