"""Who owns a client: what it was started by and is shown in, which decides what may be done with it.

Read from 2.1.330: CLAUDE_CODE_ENTRYPOINT is set by a host that starts the client (`claude-vscode`, `sdk-ts`,
`claude-desktop`, ...), the registry entry's `entrypoint` and `kind` are the client's own word (`cli`, `sdk-cli`;
`interactive`, `bg`, `daemon`, `daemon-worker`), and CLAUDE_CODE_REMOTE marks a machine that isn't the person's.
"""

from memguard.core.layout import is_plain_id
from memguard.host import terminal
from memguard.host.client_process import ClientProcess
from memguard.host.tmux import Pane, pane_of

TMUX = "tmux"
VSCODE = "vscode"
SDK = "sdk"
DESKTOP = "desktop"
BACKGROUND = "background"
REMOTE = "remote"
TERMINAL = "terminal"
PROGRAM = "program"  # started by something else, with no terminal: a script, a job, a host that is not known

# For people, in a sentence.
NAMES = {
    TMUX: "a tmux pane",
    VSCODE: "VS Code",
    SDK: "a program that uses the SDK",
    DESKTOP: "the desktop app",
    BACKGROUND: "Claude Code's own background service",
    REMOTE: "a remote session",
    TERMINAL: "a terminal",
    PROGRAM: "another program",
}
_TRUE = ("1", "true", "yes", "on")
_BACKGROUND_KINDS = ("bg", "daemon", "daemon-worker")
# What a client that was simply typed says of itself; `sdk-cli` is `claude -p`.
_TYPED = ("", "cli", "sdk-cli")
_BY_ENTRYPOINT = {
    "claude-vscode": VSCODE,
    "claude-desktop": DESKTOP,
    "claude-desktop-3p": DESKTOP,
    "local-agent": DESKTOP,
    "local_agent": DESKTOP,
    "ssh-remote": DESKTOP,
}


class Owner:
    """`kind` is one of this module's; `pane` where that is TMUX; `job` the id of a background session.

    `doubt` says why it is not in the pane that its variables name.
    """

    __slots__ = ("doubt", "job", "kind", "pane")

    def __init__(self, kind: str, pane: Pane | None = None, job: str = "", doubt: str = "") -> None:
        self.kind = kind
        self.pane = pane
        self.job = job
        self.doubt = doubt

    @property
    def name(self) -> str:
        """For people, in a sentence."""
        return NAMES[self.kind]


def owner_of(client: ClientProcess, proc: str = "/proc") -> Owner:
    """Who owns it. What is odd counts as absent: of a host that isn't known, nothing is expected."""
    if client.environment.get("CLAUDE_CODE_REMOTE", "").lower() in _TRUE:
        return Owner(REMOTE)
    if _is_background(client):
        job = client.entry("jobId")
        return Owner(BACKGROUND, job=job if is_plain_id(job) else "")
    entrypoint = client.entry("entrypoint") or client.environment.get("CLAUDE_CODE_ENTRYPOINT", "")
    if entrypoint not in _TYPED:
        return Owner(_host_of(entrypoint))
    return _shown_in(client, proc)


def _is_background(client: ClientProcess) -> bool:
    by_registry = client.entry("kind") in _BACKGROUND_KINDS
    return by_registry or client.environment.get("CLAUDE_CODE_SESSION_KIND") in _BACKGROUND_KINDS


def _host_of(entrypoint: str) -> str:
    if entrypoint.startswith("sdk-"):
        return SDK
    if entrypoint.startswith("remote"):
        return REMOTE
    return DESKTOP if entrypoint.startswith("claude-coworker") else _BY_ENTRYPOINT.get(entrypoint, PROGRAM)


def _shown_in(client: ClientProcess, proc: str) -> Owner:
    if not terminal.tty_of(client.who.pid, proc):
        return Owner(PROGRAM)
    pane, doubt = pane_of(client)
    return Owner(TMUX, pane) if pane else Owner(TERMINAL, doubt=doubt)
