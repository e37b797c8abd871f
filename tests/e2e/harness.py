"""What it takes to run the real client in a test: its own home, a clean environment, recording hooks, a waiting tool.

Nothing here sleeps for a guess, and nothing is ended by name: a process belongs to a test when its environment names
that test's own HOME.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from .processes import TimedOutError, end_processes_with, is_alive, process_state, processes_with, wait_until
from .terminal import Terminal

__all__ = [
    "EVENTS",
    "PROMPT_MARK",
    "Client",
    "Home",
    "RecordingHooks",
    "Terminal",
    "TimedOutError",
    "WaitingTool",
    "clean_environment",
    "client_path",
    "is_alive",
    "new_session_id",
    "process_state",
    "processes_of",
    "wait_until",
    "write_hooks",
]

E2E: Final = Path(__file__).resolve().parent
PROGRAMS: Final = E2E / "programs"
VERSION: Final = json.loads((E2E / "package.json").read_text())["devDependencies"]["@anthropic-ai/claude-code"]
API_KEY: Final = "dummy-key"
PROMPT_MARK: Final = "\u276f"
INSTALL_HINT: Final = "the real client is not installed: npm ci --prefix tests/e2e"
EVENTS: Final = (
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
    "PreCompact",
    "Stop",
    "SubagentStop",
    "SessionEnd",
)


def client_path() -> Path:
    """The pinned client; MEMGUARD_E2E_CLIENT names a copy that is installed elsewhere."""
    named = os.environ.get("MEMGUARD_E2E_CLIENT")
    path = Path(named) if named else E2E / "node_modules" / ".bin" / "claude"
    if not path.exists():
        raise FileNotFoundError(INSTALL_HINT)
    return path


def new_session_id() -> str:
    """An id for `--session-id`, so that a test knows its session before the client says anything."""
    return str(uuid.uuid4())


class Home:
    """A home folder of the test's own, seeded so that the client asks nothing before its first prompt."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.claude = path / ".claude"
        self.claude.mkdir(parents=True, exist_ok=True)

    def seed(self, *trusted: Path, renderer: str = "fullscreen") -> None:
        """Answer beforehand what a first start would ask: onboarding, the key, trust, the renderer.

        "fullscreen" is what a fresh installation gets; "default" prints into the scrollback, where 30 MB of text take
        the client half a minute and more than 4 GB.
        """
        state = {
            "hasCompletedOnboarding": True,
            "lastOnboardingVersion": VERSION,
            "theme": "dark",
            "customApiKeyResponses": {"approved": [API_KEY], "rejected": []},
            "fullscreenUpsellSeenCount": 3,  # below 3, the client may offer the fullscreen renderer
            "projects": {str(folder): {"hasTrustDialogAccepted": True} for folder in trusted},
        }
        (self.path / ".claude.json").write_text(json.dumps(state))
        # Accepted here, or `--dangerously-skip-permissions` opens a dialog at every start.
        settings = {"tui": renderer, "skipDangerousModePermissionPrompt": True}
        (self.claude / "settings.json").write_text(json.dumps(settings))

    def transcripts(self) -> list[Path]:
        """The conversations that the client has saved under this home."""
        return sorted(self.claude.glob("projects/*/*.jsonl"))

    def transcript(self, session_id: str) -> list[dict[str, Any]]:
        """The entries of one conversation, a torn last line left out; empty when there is no such file."""
        path = next((path for path in self.transcripts() if path.stem == session_id), None)
        return list(_json_lines(path)) if path else []

    def sessions(self) -> list[dict[str, Any]]:
        """What the client's registry says of the sessions that live; a SIGKILL leaves entries of dead ones behind."""
        entries = (_read_json(path) for path in self.claude.glob("sessions/*.json"))
        return [entry for entry in entries if entry and is_alive(int(entry["pid"]))]

    def status(self, pid: int) -> str:
        """What one client says of itself: idle, busy, waiting; empty while it says nothing."""
        entry = _read_json(self.claude / "sessions" / f"{pid}.json") or {}
        return str(entry.get("status", ""))

    def wait_for_session(self, status: str, timeout_s: float = 30) -> dict[str, Any]:
        """Wait until a live session says idle, busy or waiting, and return its entry."""

        def found() -> dict[str, Any] | None:
            return next((entry for entry in self.sessions() if entry.get("status") == status), None)

        entry = wait_until(found, f"{status} session", timeout_s, lambda: str(self.sessions()))
        return entry or {}

    def end_processes(self) -> None:
        """End whatever still runs under this home, orphaned tools included."""
        end_processes_with(f"HOME={self.path}")


def processes_of(home: Home) -> list[int]:
    """Every process whose environment names this home: what a test started, and nothing else."""
    return processes_with(f"HOME={home.path}")


def _read_json(path: Path) -> dict[str, Any] | None:
    with contextlib.suppress(OSError, ValueError):
        entry: dict[str, Any] = json.loads(path.read_text())
        return entry
    return None


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines():
        with contextlib.suppress(ValueError):
            yield json.loads(line)


def clean_environment(home: Home, api_url: str) -> dict[str, str]:
    """Nothing but what is named here: the client must neither reach the network nor see the caller's own session."""
    environment = {
        "HOME": str(home.path),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "CLAUDE_CODE_TMPDIR": str(home.path),
        "ANTHROPIC_BASE_URL": api_url,
        "ANTHROPIC_API_KEY": API_KEY,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }
    if os.geteuid() == 0:
        environment["IS_SANDBOX"] = "1"  # as root, the client refuses to skip permissions without it
    return environment


class Client:
    """The client as a test starts it: in a terminal, or with its output captured."""

    def __init__(self, home: Home, project: Path, api_url: str) -> None:
        self.home = home
        self.project = project
        self.environment = clean_environment(home, api_url)
        self.flags: Sequence[str] = ("--permission-mode", "default", "--allowedTools", "Bash")

    def argv(self, *arguments: str) -> list[str]:
        """The client's command line; with the flags as they are, Bash runs unasked and everything else is asked for."""
        return [str(client_path()), *arguments, *self.flags]

    def open(self, *arguments: str, **environment: str) -> Terminal:
        """An interactive session."""
        return Terminal(self.argv(*arguments), self.environment | environment, self.project)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """A `claude -p` under way, its output captured."""
        return subprocess.Popen(
            self.argv("-p", *arguments),
            env=self.environment | environment,
            cwd=self.project,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A whole `claude -p`."""
        process = self.start(*arguments, **environment)
        stdout, stderr = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def ready(self, terminal: Terminal) -> dict[str, Any]:
        """Wait until the session in this terminal takes input, and return its registry entry."""
        entry = self.home.wait_for_session("idle")
        terminal.wait_for(PROMPT_MARK)
        return entry


class WaitingTool:
    """A program for the client's Bash tool: each run leaves one line as its side effect, then waits to be let go."""

    def __init__(self, folder: Path) -> None:
        self._program = folder / "waiting_tool.py"
        self._log = folder / "waiting_tool.log"
        self._go = folder / "waiting_tool.go"
        shutil.copyfile(PROGRAMS / self._program.name, self._program)

    @property
    def command(self) -> str:
        """The command line that starts it."""
        return shlex.join([sys.executable, "-I", "-S", str(self._program), str(self._log), str(self._go)])

    def pids(self) -> list[int]:
        """The process of each run so far, oldest first."""
        return [int(line) for line in self._log.read_text().split()] if self._log.exists() else []

    def wait_for_run(self, number: int = 1) -> int:
        """Wait until it has been run so many times, and return the pid of that run."""
        wait_until(lambda: len(self.pids()) >= number, f"run {number} of the tool")
        return self.pids()[number - 1]

    def let_go(self) -> None:
        """Let every run finish, now and from now on."""
        self._go.touch()


class RecordingHooks:
    """Hooks that keep what they are told, byte for byte, and answer what a test has laid out for their event."""

    def __init__(self, project: Path, folder: Path) -> None:
        self._events, self._answers = folder / "events", folder / "answers"
        for path in (self._events, self._answers):
            path.mkdir(parents=True)
        write_hooks(project, PROGRAMS / "recording_hook.py", [str(self._events), str(self._answers)])

    def answer(self, event: str, answer: Mapping[str, Any]) -> None:
        """What the hook says at this event from now on."""
        (self._answers / event).write_text(json.dumps(answer))

    def raw(self, event: str = "*") -> list[bytes]:
        """What the hooks got on stdin, in order, of one event or of all."""
        return [path.read_bytes() for path in sorted(self._events.glob(f"*-{event}.stdin"))]

    def seen(self, event: str = "*") -> list[dict[str, Any]]:
        """The same, parsed."""
        return [json.loads(raw) for raw in self.raw(event)]

    def processes(self, event: str = "*") -> list[dict[str, Any]]:
        """Who each hook was: pid, parent_pid, process_session, environment."""
        return [json.loads(path.read_text()) for path in sorted(self._events.glob(f"*-{event}.process"))]

    def names(self) -> list[str]:
        """The events so far, in order."""
        return [str(event["hook_event_name"]) for event in self.seen()]

    def wait_for(self, event: str, count: int = 1) -> dict[str, Any]:
        """Wait until the event has come so many times, and return that one."""
        wait_until(lambda: len(self.raw(event)) >= count, f"{event} number {count}", seen=lambda: str(self.names()))
        return self.seen(event)[count - 1]


def write_hooks(project: Path, script: Path, arguments: Sequence[str], events: Sequence[str] = EVENTS) -> None:
    """Register one script for these events in the project's local settings, in exec form, without a shell."""
    argv = ["-I", "-S", str(script), *arguments]
    command = {"type": "command", "command": sys.executable, "args": argv, "timeout": 10}
    path = project / ".claude" / "settings.local.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"hooks": {event: [{"hooks": [command]}] for event in events}}))
