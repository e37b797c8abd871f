"""A long conversation as the client keeps it, made without the client: tool calls, their output, a word in between."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from .api_stand_in import MODEL
from .harness import VERSION, Home

_LINE = "def function(argument): return argument * 12345  # another line of the parser\n"
_EVERY = 10  # calls between two words of the person


class LongConversation:
    """The file of one session, which the client resumes as if it had written it (2.1.330)."""

    def __init__(self, home: Home, project: Path, session_id: str) -> None:
        slug = "".join(character if character.isalnum() else "-" for character in str(project))
        self.path = home.claude / "projects" / slug / f"{session_id}.jsonl"
        self._common = {
            "cwd": str(project), "sessionId": session_id, "version": VERSION, "gitBranch": "", "userType": "external",
            "timestamp": "2026-11-22T02:08:19.267Z", "isSidechain": False,
        }  # fmt: skip
        self._last: str | None = None

    def write(self, size_bytes: int, result_bytes: int, request: str) -> None:
        """So many bytes, in results of so many each; `request` is what the person said last before them."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        output = _LINE * (result_bytes // len(_LINE))
        self.path.touch(mode=0o600)
        with self.path.open("wb") as file:
            number = 0
            while file.tell() < size_bytes:
                number += 1
                if number % _EVERY == 1:
                    file.write(self._prompt(f"{request}, part {number}"))
                file.write(self._call(number, f"{number} {output}"))
            file.write(self._answer({"type": "text", "text": "All parts so far are ported."}))

    def _call(self, number: int, output: str) -> bytes:
        call = f"toolu_{uuid.uuid4().hex}"
        made = {"type": "tool_use", "name": "Bash", "input": {"command": f"cat part_{number}.py"}, "id": call}
        block = {"tool_use_id": call, "type": "tool_result", "content": output, "is_error": False}
        result = {"stdout": output, "stderr": "", "interrupted": False, "isImage": False}
        entry = self._entry("user", {"role": "user", "content": [block]}, toolUseResult=result)
        return self._answer(made) + entry

    def _prompt(self, text: str) -> bytes:
        return self._entry("user", {"role": "user", "content": text}, origin={"kind": "human"})

    def _answer(self, block: dict[str, Any]) -> bytes:
        stop = "tool_use" if block["type"] == "tool_use" else "end_turn"
        message = {"id": f"msg_{uuid.uuid4().hex}", "type": "message", "role": "assistant", "model": MODEL}
        usage = {"input_tokens": 100, "output_tokens": 10}
        return self._entry(
            "assistant", {**message, "content": [block], "stop_reason": stop, "stop_sequence": None, "usage": usage}
        )

    def _entry(self, kind: str, message: dict[str, Any], **more: Any) -> bytes:
        parent, self._last = self._last, str(uuid.uuid4())
        entry = {"parentUuid": parent, "type": kind, "message": message, "uuid": self._last, **self._common, **more}
        return json.dumps(entry, separators=(",", ":")).encode() + b"\n"
