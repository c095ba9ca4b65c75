"""Counts the instructions that a process executes in user space, with valgrind's callgrind.

A counted program runs about 50 times slower, but the counts hardly depend on what else the machine
does, nor on its speed. The kernel's instructions are not in them."""

import pathlib
import re
import shlex
import shutil
import subprocess

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
                   "--separate-threads=yes", "--vgdb=yes", f"--vgdb-prefix={self._folder}/vgdb",
                   f"--log-file={self._folder}/valgrind.log",
                   f"--callgrind-out-file={self._folder}/out", str(program)]
        return "#!/bin/sh\n" + shlex.join(command) + ' "$@"\n'

    def switch_on(self, process):
        self._tell(process, "instrumentation", "on")

    def count(self, process, work):
        """Calls `work` and returns what the process executed meanwhile, by thread: the file that
        callgrind wrote, and the number of instructions."""
        for old in self._folder.glob("out.*"):
            old.unlink()
        self._tell(process, "zero")
        work()
        self._tell(process, "dump")
        counts = {path: int(re.search(r"^totals: (\d+)", path.read_text(errors="replace"), re.M)[1])
                  for path in self._folder.glob("out.*-*")}  # out.DUMP-THREAD
        if not counts:
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


def functions(path):
    """Lines of callgrind_annotate: the functions that executed most, the first one first."""
    text = subprocess.run(["callgrind_annotate", "--auto=no", "--threshold=100", path],
                          capture_output=True, text=True, check=True).stdout
    found = (re.match(r" *([\d,]+ \( *[\d.]+%\))  \S+?:(.*?)( \[.*)?$", line)
             for line in text.splitlines())
    return [f"{match[1]:>24}  {match[2]}" for match in found if match]
