"""Prints each link and file name in documents and comments that leads nowhere in the tree; then exits with 1.

Looked at are, of documents (*.md), the links with their headings and the file names in backticks; of every other text
file, paths that begin with a folder of the tree's root, and in comments names of sources and documents, too. Files are
found without git. With --links only the links of documents are looked at, as in an installed tree.

Usage: documents.py [--links] ROOT
"""

import os
import pathlib
import re
import sys

TYPES = r"bash|bats|cc|css|h|html|js|json|md|mjs|proto|py|sh|ts|txt"
PATH = re.compile(rf"(?<![\w./$}}>-])(?:channel_service|deploy|proto|tests|ws_edge)/[\w./@-]*\.(?:{TYPES})(?![\w*])")
NAME = re.compile(rf"(?!build/)\w[\w./-]*\.(?:{TYPES})")
COMMENT = re.compile(r"(?:^\s*#|//|^\s*/?\*)\s(.*)")
IN_COMMENT = re.compile(r"(?<![\w./<$-])(?!NAME)\w[\w-]*\.(?:bats|cc|h|md|mjs|proto|py|sh)(?![\w>./(])")
LINK = re.compile(r"\]\(([^()\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
NOT_OURS = {"node_modules", "build", ".git", "corpus"}
NO_FILES = {"channel.v1.json", "sysexits.h"}  # of ours


def files_below(root):
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - NOT_OURS)
        yield from (pathlib.Path(folder, name) for name in sorted(names))


def headings(path):
    """The anchors of a document, as GitHub makes them."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ +(.*)", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def wrong_link(document, target):
    if re.match(r"[a-z]+:", target):
        return False
    name, _, anchor = target.partition("#")
    path = document.parent / name if name else document
    return not path.exists() or bool(anchor) and anchor not in headings(path)


def dead_ends(root):
    """(file, line, what it names that is not there)."""
    files = list(files_below(root))
    names = {path.name for path in files} | NO_FILES
    for path in files:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue

        def absent(name):
            return not (root / name).exists() and not (path.parent / name).exists() and name not in names

        for number, line in enumerate(lines, 1):
            found = PATH.findall(line)
            if path.suffix == ".md":
                found += filter(NAME.fullmatch, CODE.findall(line))
            elif comment := COMMENT.search(line):
                found += IN_COMMENT.findall(comment[1])
            wrong = list(filter(absent, found))
            if path.suffix == ".md":
                wrong += (target for target in LINK.findall(line) if wrong_link(path, target))
            yield from ((path.relative_to(root), number, what) for what in dict.fromkeys(wrong))


def dead_links(root):
    """(document, line, link that leads nowhere), and an error if there are no documents."""
    documents = [path for path in files_below(root) if path.suffix == ".md"]
    if not documents:
        sys.exit(f"{root}: no documents are there")
    for path in documents:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            wrong = (target for target in LINK.findall(line) if wrong_link(path, target))
            yield from ((path.relative_to(root), number, what) for what in dict.fromkeys(wrong))


def main():
    links_only = "--links" in sys.argv
    root = pathlib.Path(sys.argv[-1])
    found = list(dead_links(root) if links_only else dead_ends(root))
    for path, number, what in found:
        print(f"{path}:{number}: {what} is not there")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
