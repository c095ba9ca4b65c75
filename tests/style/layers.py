"""Checks the include graph: what each part may use, no circles, and headers without sockets.

usage: layers.py ROOT    Exit 1 with a line for each include that may not be there.
"""

import pathlib
import re
import sys

# A part is a folder or a file's stem; it may use itself and what is listed. Everything else is an
# error, so a new part needs a line here.
USES = {
    "channel_service/base": [],
    "channel_service/http": ["base"],
    "channel_service/model": [],
    "channel_service/wire": ["base", "model"],
    "channel_service/limits": ["base", "model"],
    "channel_service/engine": ["base", "model", "wire", "limits"],
    "channel_service/engine/memory": ["base", "model", "wire", "limits", "engine"],
    "channel_service/engine/jetstream": ["base", "model", "wire", "limits", "engine"],
    "channel_service/hub": ["base", "model", "wire", "limits", "engine"],
    "channel_service/handlers": ["base", "model", "wire", "limits", "engine", "hub"],
    "channel_service/rpc": ["base", "model", "wire", "limits", "engine", "hub", "handlers"],
    "channel_service/server": ["base", "limits", "engine", "hub", "handlers", "rpc"],
    "channel_service/main": ["base", "http", "limits", "engine", "engine/memory", "engine/jetstream", "server"],
    "ws_edge/limits": ["channel_service/base"],
    "ws_edge/metrics": ["channel_service/base"],
    "ws_edge/web_files": ["net"],
    "ws_edge/net": ["channel_service/base", "channel_service/http", "limits", "metrics"],
    "ws_edge/protocol": ["channel_service/base", "channel_service/model", "channel_service/wire", "limits", "metrics", "net"],
    "ws_edge/upstream": ["channel_service/base", "channel_service/model", "channel_service/wire", "limits", "metrics"],
    "ws_edge/groups": ["channel_service/base", "channel_service/model", "limits", "metrics", "net", "protocol", "upstream"],
    "ws_edge/session": ["channel_service/base", "channel_service/http", "limits", "metrics", "net", "protocol"],
    "ws_edge/edge_server": ["channel_service/base", "channel_service/http", "limits", "metrics", "web_files", "net", "protocol", "groups", "session", "upstream"],
    "ws_edge/main": ["channel_service/base", "channel_service/http", "limits", "net", "edge_server"],
}
# These headers, and all that they include here, leave out sockets and gRPC; so tests need none.
WITHOUT_SOCKETS = re.compile(r"ws_edge/(groups/|upstream/(?!grpc_)).*\.h$")
SOCKETS = re.compile(r"(boost/(asio|beast)/|grpc)")
INCLUDE = re.compile(r'^#include ([<"])([^>"]+)[>"]', re.MULTILINE)


def part_of(path):
    """The longest part that the path is of, or None."""
    stem = re.sub(r"\.(h|cc)$", "", path)
    found = [part for part in USES if stem == part or stem.startswith(part + "/")]
    return max(found, key=len, default=None)


def allowed(part):
    process = part.split("/", 1)[0]
    names = [use if use.startswith("channel_service/") else f"{process}/{use}" for use in USES[part]]
    unknown = [name for name in names if name not in USES]
    assert not unknown, f"{part}: no such part: {unknown}"
    return {part, *names}


def check(root):
    errors = []
    ours, foreign = {}, {}
    for path in sorted(p for folder in ("channel_service", "ws_edge") for p in (root / folder).rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.suffix not in (".h", ".cc"):
            continue
        found = INCLUDE.findall(path.read_text())
        ours[name] = [target for quote, target in found if quote == '"' and (root / target).exists()]
        foreign[name] = [target for _, target in found if target not in ours[name]]
    for part in USES:
        if not any(part_of(name) == part for name in ours):
            errors.append(f"{part} is listed in layers.py and does not exist")
    for name, targets in ours.items():
        part = part_of(name)
        if part is None:
            errors.append(f"{name} is of no part that layers.py lists")
            continue
        for target in targets:
            if part_of(target) not in allowed(part):
                errors.append(f"{name} includes {target}: {part} may not use {part_of(target)}")
    errors += circles(ours) + circles(parts(ours)) + sockets(ours, foreign)
    return errors, len(ours)


def parts(ours):
    graph = {}
    for name, targets in ours.items():
        graph.setdefault(part_of(name), set()).update(part_of(target) for target in targets)
    return {part: sorted(str(use) for use in uses - {part}) for part, uses in graph.items()}


def circles(graph):
    """Each circle once, as a way through it."""
    errors, done = [], set()

    def visit(name, way):
        if name in way:
            errors.append("a circle: " + " -> ".join(way[way.index(name):] + [name]))
        if name in done or name in way:
            return
        for target in graph.get(name, []):
            visit(target, way + [name])
        done.add(name)

    for name in graph:
        visit(name, [])
    return errors


def sockets(ours, foreign):
    errors = []
    for name in filter(WITHOUT_SOCKETS.match, ours):
        reached, rest = set(), [name]
        while rest:
            current = rest.pop()
            if current in reached:
                continue
            reached.add(current)
            rest += ours[current]
            for target in filter(SOCKETS.match, foreign[current]):
                errors.append(f"{name} reaches <{target}> by {current}")
    return errors


def main():
    errors, count = check(pathlib.Path(sys.argv[1]))
    for error in errors:
        print(error)
    if not count:
        errors.append("nothing was found to check")
    print(f"{count} files, {len(errors)} errors")
    sys.exit(1 if errors else 0)


main()
