"""A service and an edge, a member that goes on by itself, and the ledger of what was acknowledged."""

import collections
import subprocess
import threading
import time

import web_socket
from processes import RunFailed, http_get, metric

GROUP = "below"
SOON = 20  # seconds for what needs no timeout of ours, on a busy machine


def wait_for(what, condition, seconds=SOON):
    """Returns after how many seconds the condition held."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise RunFailed(f"not in {seconds} s: {what}")
        time.sleep(0.05)
    return time.monotonic() - began


class Member:
    """A session that is in GROUP. A thread of its own notes what it hears."""

    def __init__(self, address):
        self.heard = collections.Counter()  # texts of the group
        self.gaps = []
        self.newest_ms = 0  # when the last message was published, by the clock of the service
        self.answers = {}  # by id: "ok", or the code of the error
        self.closed = None
        self._sent = 0
        self._client = web_socket.Client(address)
        self._client.send(cmd="add_group", group_id=GROUP)
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, text):
        """Returns the id, under which `answers` will tell what became of it."""
        self._sent += 1
        self._client.send(id=self._sent, cmd="send_to_group", group_id=GROUP, message=text)
        return self._sent

    def _read(self):
        try:
            while True:
                self._note(self._client.next(time.monotonic() + 3600))
        except OSError as error:
            self.closed = str(error)

    def _note(self, event):
        kind = event["event"]
        if kind == "message":
            self.newest_ms = event["time_unix_ms"]
            self.heard[event["message"]] += 1
        elif kind == "gap":
            self.gaps.append(event)
        elif kind in ("ok", "error") and "id" in event:
            self.answers[event["id"]] = "ok" if kind == "ok" else event["code"]


class Pair:
    """`service` and `edge` are processes of Processes, `far` the machine of the service, if it is not ours."""

    def __init__(self, processes, service, edge, far=None):
        self._processes, self.service, self.edge, self._far = processes, service, edge, far
        wait_for("the edge is ready", lambda: http_get(edge, "/readyz") is not None)
        self.member = Member(edge.state["listen"])
        self._sends = {}  # text -> id
        self._published = []
        self.must_send()

    def metric(self, name):
        """Of the service; wherever it is."""
        url = f"http://{self.service.state['admin']}/metrics"
        if self._far is None:
            return metric(self.service, name)[0]
        return next((float(line.split()[-1]) for line in self._far.fetch(url).splitlines()
                     if line.split(" ")[0] == name), None)

    def is_up(self):
        return metric(self.edge, "channel_edge_upstream_up") == [1]

    def send(self):
        """The member sends; what becomes of it is known later."""
        text = f"sent {len(self._sends)}"
        self._sends[text] = self.member.send(text)
        return text

    def answer(self, text):
        return self.member.answers.get(self._sends[text])

    def must_send(self):
        text = self.send()
        wait_for(f"{text} is answered", lambda: self.answer(text) is not None)
        if self.answer(text) != "ok":
            raise RunFailed(f"{text} was answered {self.answer(text)}")

    def publish(self):
        """A back end on the machine of the service publishes, and is answered."""
        text = f"published {len(self._published)}"
        inside = self._far.inside if self._far else ()
        done = subprocess.run([*map(str, inside), self._processes.bin_dir / "channel_probe", "publish",
                               f"--grpc={self.service.state['listen']}", f"--group={GROUP}", f"--message={text}"],
                              check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise RunFailed(f"a publication failed: {done.stderr}")
        self._published.append(text)

    def must_hear(self):
        """The member sends, and hears it."""
        self.must_send()
        text = list(self._sends)[-1]
        wait_for(f"{text} is heard", lambda: self.member.heard[text])

    def newest(self):
        """What a subscriber gets who asks for the last publication."""
        return subprocess.run([self._processes.bin_dir / "channel_probe", "subscribe",
                               f"--grpc={self.service.state['listen']}", f"--group={GROUP}", "--last=1", "--count=1"],
                              check=True, stdout=subprocess.PIPE, text=True).stdout

    def check(self):
        """All is as before: the way up and down is open, each acknowledged message came once, without a gap, and
        nothing came twice."""
        self._processes.check()
        wait_for("the edge is up again", self.is_up)
        self.must_send()
        self.publish()
        certain = [*self._published, *(text for text in self._sends if self.answer(text) == "ok")]
        heard = self.member.heard
        wait_for("all that was acknowledged came", lambda: all(heard[text] for text in certain))
        if twice := [text for text, count in heard.items() if count > 1]:
            raise RunFailed(f"came twice: {twice}")
        if self.member.gaps or self.member.closed:
            raise RunFailed(f"gaps: {self.member.gaps}, closed: {self.member.closed}")
        return f"{len(certain)} acknowledged, all came once"
