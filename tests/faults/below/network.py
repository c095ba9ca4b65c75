"""Machines: network namespaces with a link between them that can be cut, either way, without anybody being told."""

import pathlib
import subprocess

NOWHERE = "02:00:00:00:00:99"  # no machine has this hardware address


def run(*words):
    subprocess.run([*map(str, words)], check=True, stdin=subprocess.DEVNULL)


class FarMachine:
    """A network namespace beside ours. `near` and `far` are the addresses of the two ends of the link."""

    def __init__(self, processes, number):
        holder = processes.start("/usr/bin/unshare", "--net", "sleep", "infinity")
        self.inside = ("nsenter", "-t", holder.pid, "-n")
        own = pathlib.Path("/proc/self/ns/net").readlink()
        processes.wait(lambda: pathlib.Path(f"/proc/{holder.pid}/ns/net").readlink() != own, "no namespace")
        self.near, self.far = f"10.77.{number}.1", f"10.77.{number}.2"
        self._near_device, self._far_device = f"near{number}", f"far{number}"
        run("ip", "link", "add", self._near_device, "type", "veth", "peer", "name", self._far_device, "netns", holder.pid)
        run("ip", "addr", "add", f"{self.near}/24", "dev", self._near_device)
        run("ip", "link", "set", self._near_device, "up")
        run(*self.inside, "ip", "addr", "add", f"{self.far}/24", "dev", self._far_device)
        run(*self.inside, "ip", "link", "set", self._far_device, "up")
        run(*self.inside, "ip", "link", "set", "lo", "up")

    def lose_what_it_gets(self):
        run("ip", "neigh", "replace", self.far, "lladdr", NOWHERE, "dev", self._near_device, "nud", "permanent")

    def lose_what_it_sends(self):
        run(*self.inside, "ip", "neigh", "replace", self.near, "lladdr", NOWHERE, "dev", self._far_device,
            "nud", "permanent")

    def heal(self):
        for inside, address, device in (((), self.far, self._near_device),
                                        (self.inside, self.near, self._far_device)):
            subprocess.run([*map(str, inside), "ip", "neigh", "del", address, "dev", device], check=False,
                           stderr=subprocess.DEVNULL)

    def fetch(self, url):
        """The body of an answer, asked over there; empty if there is none."""
        return subprocess.run([*map(str, self.inside), "curl", "-q", "-s", "-m", "2", url], check=False,
                              stdout=subprocess.PIPE, text=True).stdout
