"""The tmux pane that a client is in, asked of the very server that it descends from.

A client's TMUX and TMUX_PANE are inherited by whatever it is started from, so they are believed only where that server
is an ancestor of the client's and its socket is this user's alone: a server can make its client run a command. The
server's own program speaks to it, whatever PATH says, and a server is never started.

Nothing but ids and paths of memguard's own goes into a tmux command: `-c` expands formats, and a folder called
`#(command)` runs it (tried with 3.3a); a word that ends in `;` ends the command.
"""

import os
import signal
import time

from memguard.host import identity
from memguard.host.client_process import ClientProcess
from memguard.host.helper import Answer, ask
from memguard.host.signals import send

# A server answers within some ms; one that is stopped, or buried in output, doesn't.
_TIMEOUT_S = 3.0
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
_FACTS = ("pid", "pane_id", "pane_pid", "pane_dead", "window_id", "window_active")
_LONGEST_NUMBER = 9
# tmux 3.3a now and then misses the end of a pane's process, and leaves a zombie until the next SIGCHLD.
_REMIND_S = 1.0
_LOOK_S = 0.05


class Pane:
    """One pane. `pane_pid` is the process that it was made for: the client itself, or the shell it was typed into."""

    __slots__ = ("_kept", "is_window_active", "pane_id", "pane_pid", "server_pid", "socket", "window_id")

    def __init__(self, server_pid: int, socket: str, pane_id: str) -> None:
        self.server_pid = server_pid
        self.socket = socket
        self.pane_id = pane_id
        self.pane_pid = 0
        self.window_id = ""
        self.is_window_active = False
        self._kept = ""  # what remain-on-exit was before `keep_open`

    def look(self) -> bool:
        """Ask the server what the pane is now; False where it has none of that id, or doesn't answer."""
        facts = self.facts()
        if not facts:
            return False
        self.pane_pid = int(facts["pane_pid"])
        self.window_id = facts["window_id"]
        self.is_window_active = facts["window_active"] == "1"
        return True

    def facts(self) -> "dict[str, str]":
        """What the server says of the pane; empty where it is gone, or the answer is odd."""
        format_ = ",".join(f"#{{{name}}}" for name in _FACTS)
        answer = self._tmux("display-message", "-p", "-t", self.pane_id, format_)
        values = answer.text.strip().split(",")
        facts = dict(zip(_FACTS, values, strict=False))
        is_it = answer.code == 0 and len(values) == len(_FACTS)
        is_it = is_it and facts["pid"] == str(self.server_pid) and facts["pane_id"] == self.pane_id
        is_it = is_it and _is_number(facts["pane_pid"]) and _is_id(facts["window_id"], "@")
        return facts if is_it else {}

    def keep_open(self) -> bool:
        """Let the pane stay when its process ends; False where the server can't (before 3.0)."""
        self._kept = self._tmux("show-options", "-p", "-v", "-t", self.pane_id, "remain-on-exit").text.strip()
        return self._tmux("set-option", "-p", "-t", self.pane_id, "remain-on-exit", "on").code == 0

    def let_go(self) -> None:
        """As it was before `keep_open`; what the pane shows stays there until then."""
        if self._kept in ("on", "off", "failed"):
            self._tmux("set-option", "-p", "-t", self.pane_id, "remain-on-exit", self._kept)
        else:
            self._tmux("set-option", "-p", "-u", "-t", self.pane_id, "remain-on-exit")

    def close_dead(self) -> None:
        """Close it where its process has ended meanwhile, as it would have been closed."""
        if self._kept in ("", "off"):
            self._tmux("if-shell", "-F", "-t", self.pane_id, "#{pane_dead}", f"kill-pane -t {self.pane_id}")

    def await_dead(self, timeout_s: float) -> bool:
        """Wait until the server has noticed that the pane's process is gone."""
        begun_s = time.monotonic()
        is_reminded = False
        while time.monotonic() - begun_s < timeout_s:
            facts = self.facts()
            if not facts or facts["pane_dead"] == "1":
                return bool(facts)
            if not is_reminded and time.monotonic() - begun_s > _REMIND_S:
                is_reminded = self._remind()
            time.sleep(_LOOK_S)
        return False

    def _remind(self) -> bool:
        server = identity.identify(self.server_pid)
        return bool(server and send(server, signal.SIGCHLD))

    def respawn(self, words: "list[str]") -> int:
        """Start a program in the pane; its pid, or 0. Without `-k`: a process that still runs there is not ended."""
        print_pid = (";", "display-message", "-p", "-t", self.pane_id, "#{pane_pid}")
        return _pid_in(self._tmux("respawn-pane", "-t", self.pane_id, *words, *print_pid))

    def new_window(self, words: "list[str]") -> int:
        """Start a program in a window of its own beside the pane's; its pid, or 0.

        It is shown where the pane's window was; nobody who looks at another is taken from it.
        """
        shown = () if self.is_window_active else ("-d",)
        format_ = ("-P", "-F", "#{pane_pid}")
        return _pid_in(self._tmux("new-window", "-a", *shown, "-t", self.window_id, *format_, *words))

    def _tmux(self, *words: str) -> Answer:
        """One command. Several words behind it are run as they are; a single one would be given to a shell."""
        command = ["tmux", "-S", self.socket, *words]
        return ask(command, _ENVIRONMENT, _TIMEOUT_S, program=f"/proc/{self.server_pid}/exe")


def pane_of(client: ClientProcess) -> "tuple[Pane | None, str]":
    """The client's pane; or None, and why not (empty where its variables name none)."""
    named, pane_id = client.environment.get("TMUX", ""), client.environment.get("TMUX_PANE", "")
    if not named and not pane_id:
        return None, ""
    pane = _named(named, pane_id)
    if pane is None:
        return None, "TMUX and TMUX_PANE are not as tmux sets them"
    if pane.server_pid not in client.line[1:] or not identity.belongs_to_me(pane.server_pid):
        return None, "the tmux server that TMUX names is not where this client runs"
    if not is_own_socket(pane.socket):
        return None, "the tmux socket that TMUX names is not this user's alone"
    return _asked(pane, client)


def _named(tmux: str, pane_id: str) -> "Pane | None":
    """TMUX is `socket,server's pid,session's number`, and the path may hold commas itself."""
    named, _, session = tmux.rpartition(",")
    socket, _, server = named.rpartition(",")
    is_sound = _is_number(session) and _is_number(server) and _is_id(pane_id, "%") and os.path.isabs(socket)
    return Pane(int(server), socket, pane_id) if is_sound else None


def _asked(pane: Pane, client: ClientProcess) -> "tuple[Pane | None, str]":
    if not pane.look():
        return None, "tmux doesn't answer, or has no such pane"
    if pane.pane_pid not in client.line:
        return None, "the tmux pane that TMUX_PANE names is not the client's"
    return pane, ""


def is_own_socket(path: str) -> bool:
    """Whether `path` is a socket of this user's, in a folder where nobody else can put another in its place."""
    try:
        own, above = os.lstat(path), os.lstat(os.path.realpath(os.path.dirname(path)))
    except OSError:
        return False
    user = os.geteuid()
    is_socket = own.st_uid == user and own.st_mode & 0o170000 == 0o140000
    is_kept = above.st_uid in (0, user) and (not above.st_mode & 0o022 or bool(above.st_mode & 0o1000))
    return is_socket and is_kept


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER


def _is_id(text: str, sign: str) -> bool:
    return text[:1] == sign and _is_number(text[1:])


def _pid_in(answer: Answer) -> int:
    last = answer.text.strip().split("\n")[-1]
    return int(last) if answer.code == 0 and _is_number(last) else 0
