"""The systems that Channel is compared with: nats-server, Redis, npm's ws with Redis, socket.io.

Each is started by `Processes`, which also ends it: an instance of its own on free ports of
127.0.0.1, with its configuration in the run's folder; what a stream keeps on disk goes with it."""

import json
import pathlib
import random
import select
import shutil
import socket
import subprocess
import urllib.request
from dataclasses import dataclass

from processes import START_SECONDS, PeerMissing, RunFailed

FOLDER = pathlib.Path(__file__).parent / "peers"
HOST = "127.0.0.1"
PORTS = range(20_000, 32_000)  # below those that the kernel gives to clients
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ANSWER_SECONDS = 1

_given = set()


@dataclass
class Peer:
    """One system. The CPU that it uses is the sum over `pids`, all its server processes; where each
    port has a process of its own, the first pid serves the first port."""
    name: str
    ports: list  # WebSocket
    pids: list
    address: str = ""  # HOST:PORT of nats-server and Redis, for clients without WebSocket


def start_nats(processes, websocket=True):
    child, ports = _start_nats(processes, "alone", websocket=websocket)
    return Peer("nats-server", ports[1:], [child.pid], f"{HOST}:{ports[0]}")


def start_jetstream(processes):
    """A nats-server that keeps streams on disk, in the run's folder."""
    child, ports = _start_nats(processes, "alone", f"""
        jetstream {{
          store_dir: "{processes.path(f"jetstream-{random.getrandbits(32):08x}")}"
          max_memory_store: 256MB
          max_file_store: 8GB
        }}""", websocket=False)
    return Peer("nats-server", [], [child.pid], f"{HOST}:{ports[0]}")


def start_nats_pair(processes):
    """A cluster of two; `ports` has the WebSocket port of each."""
    clusters, monitors = (_free_port(), _free_port()), (_free_port(), _free_port())
    children, ports = [], []
    for number, name in enumerate("ab"):
        child, mine = _start_nats(processes, name, f"""
            http: "{HOST}:{monitors[number]}"
            cluster {{
              name: bench
              listen: "{HOST}:{clusters[number]}"
              routes: ["nats://{HOST}:{clusters[1 - number]}"]
            }}""")
        children.append(child)
        ports.append(mine[1])
    for monitor in monitors:
        processes.wait(lambda port=monitor: _routes(port) > 0, "the nats-servers found no route")
    return Peer("nats-server, pair", ports, [child.pid for child in children])


def start_ws_redis(processes, count=2, way="plain"):
    """`way`: how messages are handed to members, see ws_redis.mjs."""
    node = _node()
    redis = start_redis(processes)
    redis_port = redis.address.rpartition(":")[2]
    ports = [_free_port() for _ in range(count)]
    children = [processes.start(node, FOLDER / "ws_redis.mjs", port, redis_port, way,
                                stdout=subprocess.PIPE) for port in ports]
    for child in children:
        _ready_line(processes, child)
    name = "ws + Redis" if way == "plain" else "ws + Redis, corked"
    return Peer(name, ports, [child.pid for child in children] + redis.pids)


def start_socketio(processes, count=2):
    ports = [_free_port() for _ in range(count)]
    primary = processes.start(_node(), FOLDER / "socketio.mjs", *ports, stdout=subprocess.PIPE)
    workers = _ready_line(processes, primary).split()[1:]
    return Peer("socket.io", ports, [*map(int, workers), primary.pid])


def start_redis(processes):
    program = _program("redis-server", "redis-server")
    port = _free_port()
    configuration = processes.path(f"redis-{port}.conf")
    # Subscribers may be as far behind as they like: none is dropped. /dev/stderr: where
    # Processes.check finds it.
    configuration.write_text(f"""
bind {HOST}
port {port}
tcp-backlog 511
save ""
appendonly no
daemonize no
dir {configuration.parent}
logfile /dev/stderr
client-output-buffer-limit pubsub 0 0 0
""")
    child = processes.start(program, configuration, stdout=subprocess.DEVNULL)
    processes.wait(lambda: _says(port, b"PING\r\n", b"+PONG"), "redis-server did not start")
    return Peer("Redis", [], [child.pid], f"{HOST}:{port}")


def _start_nats(processes, name, more="", websocket=True):
    """The process and its ports: TCP, then WebSocket."""
    program = _program("nats-server", "nats-server")
    ports = [_free_port() for _ in range(1 + websocket)]
    if websocket:
        more += f"""
            websocket {{ listen: "{HOST}:{ports[1]}", no_tls: true, compression: false }}"""
    configuration = processes.path(f"nats-{ports[0]}.conf")
    configuration.write_text(f'server_name: {name}\nlisten: "{HOST}:{ports[0]}"\n{more}\n')
    child = processes.start(program, "-c", configuration)
    processes.wait(lambda: _says(ports[0], b"", b"INFO "), "nats-server did not start")
    if websocket:
        processes.wait(lambda: _says(ports[1], b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1."),
              "nats-server did not open its WebSocket port")
    return child, ports


def _program(name, packages):
    path = shutil.which(name) or shutil.which(name, path=SEARCH_PATH)
    if not path:
        raise PeerMissing(f"{name} is not installed (Debian package: {packages}; "
                          "tests/bench/peers/install.sh installs it)")
    return path


def _node():
    path = _program("node", "nodejs, npm")
    if not (FOLDER / "node_modules/.package-lock.json").exists():
        raise PeerMissing("npm packages ws and socket.io are not installed "
                          "(tests/bench/peers/install.sh installs them)")
    return path


def _free_port():
    for port in random.sample(PORTS, len(PORTS)):
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise RunFailed(f"no free port from {PORTS.start} to {PORTS.stop - 1}")


def _says(port, question, answer):
    """Whether a server on the port starts its answer so."""
    try:
        with socket.create_connection((HOST, port), ANSWER_SECONDS) as connection:
            connection.sendall(question)
            return connection.recv(64).startswith(answer)
    except OSError:
        return False


def _routes(monitor_port):
    try:
        with urllib.request.urlopen(f"http://{HOST}:{monitor_port}/routez",
                                    timeout=ANSWER_SECONDS) as answer:
            return json.load(answer)["num_routes"]
    except OSError:
        return 0


def _ready_line(processes, child):
    """What a program says on standard output when it serves: "ready" and what it adds."""
    readable, _, _ = select.select([child.stdout], [], [], START_SECONDS)
    line = child.stdout.readline() if readable else ""
    if not line.startswith("ready"):
        try:
            child.wait(1)
        except subprocess.TimeoutExpired:
            pass
        processes.check()
        raise RunFailed(f"{child.args[1]} did not start")
    return line
