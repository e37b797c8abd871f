"""A transcript with a torn last line in a client's folder, and as much of a guarded session as mending looks at."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from memguard.host.identity import identify
from memguard.watchdog.journal import Journal
from memguard.watchdog.torn_line import MARK

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = b'{"type":"user","message":{"role":"user","content":"port the parser"}}\n'
TORN = b'{"type":"assistant","message":{"content":[{"type":"te'
SESSION = "06c063cf-577d-4e3a-b266-f714fb925bad"


def session_in(folder: str) -> Any:
    """A session whose client is gone."""
    transcript = f"{folder}/client/projects/-work-x/{SESSION}.jsonl"
    activity = SimpleNamespace(
        session_id=SESSION, transcript=transcript, config_dir=f"{folder}/client", start_source="", resumed_bytes=0,
        update=lambda: None,
    )  # fmt: skip
    return SimpleNamespace(
        guard_dir=f"{folder}/guard", activity=activity, journal=Journal(f"{folder}/guard", folder, "project"),
        settings=SimpleNamespace(runtime_dir=f"{folder}/runtime"), subject=SimpleNamespace(client=identify(1)),
        restarted_with="resume",
    )  # fmt: skip


class Scene:
    """The folders of it, below one of the test's own."""

    def __init__(self, folder: Path) -> None:
        for name in ("guard", "runtime", "project", "client/projects/-work-x", "client/sessions"):
            (folder / name).mkdir(parents=True)
        (folder / "guard").chmod(0o700)
        self.folder = folder
        self.session = session_in(str(folder))
        self.path = folder / "client" / "projects" / "-work-x" / f"{SESSION}.jsonl"
        self.path.write_bytes(WHOLE + TORN)
        self.record = folder / "guard" / "set-aside"

    def copies(self) -> list[bytes]:
        """What lies beside the transcript."""
        return [path.read_bytes() for path in self.path.parent.glob(f"*{MARK}*")]

    def events(self) -> list[dict[str, Any]]:
        """What was said of it."""
        path = self.folder / "project" / "events.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def claim(self, pid: int, session: str = SESSION) -> None:
        """As if the client that is this process had resumed a session."""
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            started = file.read().rpartition(")")[2].split()[19]
        entry = {"pid": pid, "procStart": started, "sessionId": session, "status": "busy"}
        (self.folder / "client" / "sessions" / f"{pid}.json").write_text(json.dumps(entry))

    def assert_nothing_is_lost(self) -> None:
        """Each byte is in the transcript, or in a copy beside it."""
        now = self.path.read_bytes()
        assert (WHOLE + TORN).startswith(now)
        assert now == WHOLE + TORN or (now.startswith(WHOLE) and TORN in self.copies())


def is_on_disk(words: tuple[Any, ...]) -> bool:
    """Whether a call of `os` is about a file: who lives is looked up in /proc, which no disk has a part in."""
    return not os.fspath(words[0]).startswith("/proc") if isinstance(words[0], str) else True
