"""Transcripts in the client's own layout (2.1.330), and a state folder to capture them into."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import unittest.mock
import uuid
from pathlib import Path
from typing import Any

from memguard.state.capture import capture
from memguard.state.keys import PrivateKeys, private_keys
from memguard.state.rebuild import rebuild
from memguard.state.request import parse_request
from memguard.state.snapshot import Snapshot, TranscriptPart
from memguard.state.store import Store

SESSION = "06c063cf-577d-4e3a-b266-f714fb925bad"


class Transcript:
    """A conversation's file, line by line as the client writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last = ""
        self._calls = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def raw(self, data: bytes) -> None:
        """Append bytes as they are."""
        with self.path.open("ab") as file:
            file.write(data)

    def entry(self, **fields: Any) -> None:
        """Append one line."""
        self.raw(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")

    def message(self, kind: str, message: dict[str, Any], **more: Any) -> None:
        """Append one message with everything that the client puts around it."""
        parent, self._last = self._last or None, str(uuid.uuid4())
        around = {"uuid": self._last, "timestamp": "2026-11-23T02:08:19.267Z", "cwd": "/work/x", "sessionId": SESSION}
        around |= {"version": "2.1.330", "gitBranch": "main", "userType": "external"}
        first = {"parentUuid": parent, "isSidechain": False}
        if kind == "user":
            self.entry(**{**first, "type": kind, "message": message, **around, **more})
        else:  # the client puts an assistant's type behind its message
            self.entry(**{**first, "message": message, "apiBlockIndex": 0, "type": kind, **around, **more})

    def prompt(self, text: str, **more: Any) -> None:
        """The person asks."""
        self.message("user", {"role": "user", "content": text}, **{"origin": {"kind": "human"}, **more})

    def says(self, text: str) -> None:
        """The model answers."""
        self._assistant({"type": "text", "text": text}, f"msg_{uuid.uuid4().hex}")

    def calls(self, tool: str, values: dict[str, Any], message_id: str = "") -> str:
        """The model calls a tool; the call's id."""
        self._calls += 1
        call = f"toolu_{self._calls:04d}"
        block = {"type": "tool_use", "id": call, "name": tool, "input": values}
        self._assistant(block, message_id or f"msg_{uuid.uuid4().hex}")
        return call

    def _assistant(self, block: dict[str, Any], message_id: str) -> None:
        body = {"id": message_id, "type": "message", "role": "assistant", "model": "m", "content": [block]}
        self.message("assistant", body)

    def result(self, call: str, content: str, result: object = None) -> None:
        """A tool's result."""
        block = {"tool_use_id": call, "type": "tool_result", "content": content}
        self.message("user", {"role": "user", "content": [block]}, toolUseResult=result or content)

    def fill(self, size_bytes: int) -> None:
        """Tool calls with their output, until the file has grown by about so much."""
        output = "".join(f"{n}: def function_{n}(argument):\n        return argument * {n * n}\n" for n in range(120))
        end = self.path.stat().st_size + size_bytes
        while self.path.stat().st_size < end:
            call = self.calls("Bash", {"command": f"cat part_{self._calls}.py"})
            self.result(call, f"{self._calls} {output}")


class Box:
    """A state folder, a client's folder, and captures of it by the worker itself."""

    key = "-work-x"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state, self.config, self.cwd = folder / "state", folder / "client", folder / "project"
        self.cwd.mkdir(exist_ok=True)
        self.transcript = Transcript(self.config / "projects" / "-work-x" / f"{SESSION}.jsonl")

    def arguments(self, **values: str) -> list[str]:
        """The worker's arguments; by name, dashes as underscores."""
        given = {
            "state": str(self.state), "project_key": self.key, "reason": "a test", "session": SESSION,
            "transcript": str(self.transcript.path), "cwd": str(self.cwd), "client": "", **values,
        }  # fmt: skip
        return [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", value)]

    def command(self, **values: str) -> list[str]:
        """The worker's command line."""
        return [sys.executable, "-I", "-m", "memguard.state.capture", *self.arguments(**values)]

    def environment(self) -> dict[str, str]:
        """What the worker gets."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "CLAUDE_CONFIG_DIR": str(self.config)}

    def run(self, **values: str) -> subprocess.CompletedProcess[str]:
        """Run the worker to its end."""
        return subprocess.run(
            self.command(**values), env=self.environment(), capture_output=True, text=True, check=False, timeout=60
        )

    def capture(self, **values: str) -> str:
        """Take a snapshot that must succeed; its id."""
        done = self.run(**values)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[-1]

    def take(self, **values: str) -> str:
        """The same without starting a process, where it is taken often."""
        with unittest.mock.patch.dict(os.environ, {"CLAUDE_CONFIG_DIR": str(self.config)}):
            return capture(parse_request(self.arguments(**values)))

    @property
    def store(self) -> Store:
        """The snapshots."""
        return Store(str(self.state), self.key)

    def read(self, snapshot_id: str) -> Snapshot:
        """Open one."""
        return self.store.read(snapshot_id, self.keys)

    def newest(self) -> Snapshot:
        """Open the newest."""
        return self.read(self.store.ids()[0])

    @property
    def keys(self) -> PrivateKeys:
        """What opens them."""
        return private_keys(str(self.state))

    def told(self, snapshot_id: str = "latest", name: str = "main") -> bytes:
        """A conversation as a snapshot holds it."""
        content = io.BytesIO()
        rebuild(self.store, self.read(self.store.find(snapshot_id)), name, content, self.keys)
        return content.getvalue()

    def main(self, snapshot_id: str) -> TranscriptPart:
        """What a snapshot says of the main conversation."""
        return self.read(self.store.find(snapshot_id))["transcripts"][0]

    def segments(self, stream: str = "main") -> dict[str, bytes]:
        """The sealed segments of a stream by name, with all of their bytes."""
        folder = Path(self.store.conversations) / SESSION / stream
        return {path.stem: path.read_bytes() for path in folder.glob("*.sealed")}

    def cursor(self, stream: str = "main") -> Path:
        """Where the cursor of a stream is."""
        return Path(self.store.conversations) / SESSION / stream / "cursor"

    def compile(self, **pairs: object) -> None:
        """A compiled configuration with nothing but these."""
        project = Path(self.store.project_dir)
        project.mkdir(mode=0o700, parents=True, exist_ok=True)
        (project / "compiled").write_text("".join(f"{name}={value}\n" for name, value in pairs.items()))

    def files(self) -> list[Path]:
        """Everything in the state folder that is no folder."""
        return [path for path in self.state.rglob("*") if not path.is_dir()]
