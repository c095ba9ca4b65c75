"""Counts the instructions that a process executes in user space, with valgrind's callgrind.

A counted program runs about 50 times slower, but the counts hardly depend on what else the machine
does, nor on its speed. The kernel's instructions are not in them."""

import pathlib
import re
import shlex
import shutil
import subprocess
from collections import defaultdict

from processes import RunFailed

COMMAND_SECONDS = 20


def is_installed():
    return all(shutil.which(program) for program in ("valgrind", "vgdb"))


class Callgrind:
    """A folder of programs, `bin_dir`, in which one is started by callgrind and the others are
    themselves. Counting begins with `switch_on`."""

    def __init__(self, folder, bin_dir, program):
        self._folder = pathlib.Path(folder).resolve()
        self.bin_dir = self._folder / "bin"
        self.bin_dir.mkdir()
        for path in pathlib.Path(bin_dir).resolve().iterdir():
            if path.name != program:
                (self.bin_dir / path.name).symlink_to(path)
            else:
                (self.bin_dir / program).write_text(self._script(path))
                (self.bin_dir / program).chmod(0o755)

    def _script(self, program):
        command = ["exec", shutil.which("valgrind"), "--tool=callgrind", "--instr-atstart=no",
                   "--separate-threads=yes", "--compress-strings=no", "--vgdb=yes",
                   f"--vgdb-prefix={self._folder}/vgdb", f"--log-file={self._folder}/valgrind.log",
                   f"--callgrind-out-file={self._folder}/out", str(program)]
        return "#!/bin/sh\n" + shlex.join(command) + ' "$@"\n'

    def switch_on(self, process):
        self._tell(process, "instrumentation", "on")

    def count(self, process, work):
        """Calls `work` and returns what the process executed meanwhile."""
        for old in self._folder.glob("out.*"):
            old.unlink()
        self._tell(process, "zero")
        work()
        self._tell(process, "dump")
        counts = Counts()
        for path in self._folder.glob("out.*-*"):  # out.DUMP-THREAD
            counts.add(int(path.name.rpartition("-")[2]), path)
        if not counts.by_thread:
            raise RunFailed("callgrind wrote nothing")
        return counts

    def _tell(self, process, *command):
        # Never by ptrace, which containers may forbid: the process looks for commands itself when
        # it runs next, and no server of ours sleeps longer than a second.
        call = ["vgdb", "--max-invoke-ms=0", f"--vgdb-prefix={self._folder}/vgdb",
                f"--pid={process.pid}", *command]
        try:
            told = subprocess.run(call, capture_output=True, text=True, timeout=COMMAND_SECONDS,
                                  check=False)
        except subprocess.TimeoutExpired:
            raise RunFailed(f"vgdb {' '.join(command)}: no answer") from None
        if told.returncode != 0:
            raise RunFailed(f"vgdb {' '.join(command)}: {told.stdout}{told.stderr}".strip())


class Counts:
    """Instructions by thread (1 is the main thread), and those of each function alone."""

    def __init__(self):
        self.by_thread = defaultdict(int)
        self.by_function = defaultdict(int)  # (thread, function)
        self.by_library = defaultdict(int)

    @property
    def total(self):
        return sum(self.by_thread.values())

    def add(self, thread, path):
        """A dump of one thread; valgrind's manual, "Callgrind Format Specification"."""
        function = library = None
        is_call = False
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line[0] in "0123456789+-*":
                    if is_call:  # what the called function executed is counted there
                        is_call = False
                        continue
                    instructions = int(line.split()[1])
                    self.by_thread[thread] += instructions
                    self.by_function[thread, function] += instructions
                    self.by_library[library] += instructions
                elif line.startswith("ob="):
                    library = line.rpartition("/")[2].strip()
                elif line.startswith("fn="):
                    function = short_name(line[3:].strip())
                    if function.startswith("0x"):  # a library without symbols
                        function = f"{function.lstrip('0x')} of {library}"
                elif line.startswith("calls="):
                    is_call = True


def short_name(function):
    """Without arguments, template arguments and marks of the compiler."""
    function = re.sub(r"\[clone [^]]*\]|'\d+$|@.*$", "", function)
    previous = None
    while previous != function:
        previous = function
        function = re.sub(r"<[^<>]*>(?!\()", "", function)
    return re.sub(r"\(.*", "", function.replace("(anonymous namespace)", "{}")).strip() or previous
