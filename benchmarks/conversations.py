"""Conversations to measure with: prose, source code, tool output as the client escapes it; the same at every run."""

from __future__ import annotations

import json
import random
import textwrap
from collections.abc import Iterator
from pathlib import Path

from tests.transcripts import Transcript

# How long pieces of each kind are, in characters: mostly short, a few as long as a file that was read.
_LENGTHS = (200, 400, 800, 1500, 3000, 12000)


class Talk:
    """Writes turns: a request, an answer in words, calls of tools with what they print."""

    def __init__(self, seed: int = 7) -> None:
        self._chance = random.Random(seed)  # noqa: S311
        self._code = "".join(_sources())
        self._words = sorted({word for word in self._code.split() if word.isalpha() and len(word) < 12})

    def fill(self, transcript: Transcript, size_bytes: int) -> None:
        """Turns until the file has grown by so much, at least."""
        end = transcript.path.stat().st_size + size_bytes
        while transcript.path.stat().st_size < end:
            self._turn(transcript)

    def grow(self, transcript: Transcript, size_bytes: int) -> None:
        """The same, and no more than so much: what is over is one long word less."""
        part = Transcript(transcript.path.with_suffix(".part"))
        self.fill(part, size_bytes)
        lines, kept = part.path.read_bytes().splitlines(keepends=True), b""
        for line in lines:
            if len(kept) + len(line) <= size_bytes:
                kept += line
        transcript.raw(kept)
        part.path.unlink()

    def _turn(self, transcript: Transcript) -> None:
        transcript.prompt(self._prose(60))
        transcript.says(self._prose(250))
        for _ in range(self._chance.randrange(1, 6)):
            self._chance.choice((self._reads, self._runs, self._edits))(transcript)

    def _reads(self, transcript: Transcript) -> None:
        code = self._piece()
        numbered = "\n".join(f"{number:6}\t{line}" for number, line in enumerate(code.splitlines(), 1))
        call = transcript.calls("Read", {"file_path": f"/work/x/part_{self._chance.randrange(99)}.py"})
        transcript.result(call, numbered, {"type": "text", "file": {"content": code, "numLines": code.count("\n")}})

    def _runs(self, transcript: Transcript) -> None:
        facts = {"status": self._chance.choice(["ok", "failed"]), "took_ms": self._chance.randrange(9999)}
        output = f"{self._piece()}\n{json.dumps(facts)}\n\u001b[32m{self._prose(20)}\u001b[0m"
        call = transcript.calls("Bash", {"command": f"make {self._prose(3)}", "description": self._prose(6)})
        transcript.result(call, output, {"stdout": output, "stderr": "", "interrupted": False})

    def _edits(self, transcript: Transcript) -> None:
        old, new = self._piece()[:2000], self._piece()[:2000]
        path = f"/work/x/part_{self._chance.randrange(99)}.py"
        call = transcript.calls("Edit", {"file_path": path, "old_string": old, "new_string": new})
        transcript.result(call, f"The file {path} has been updated.", {"filePath": path, "oldString": old})

    def _piece(self) -> str:
        length = self._chance.choice(_LENGTHS)
        start = self._chance.randrange(len(self._code) - length)
        return self._code[start : start + length]

    def _prose(self, words: int) -> str:
        text = " ".join(self._chance.choices(self._words, k=self._chance.randrange(words // 2 + 1, words + 2)))
        return textwrap.fill(text.capitalize() + ".", 100)


def _sources() -> Iterator[str]:
    """Of Python itself."""
    for path in sorted(Path(json.__file__).parent.parent.glob("*.py"))[:120]:
        yield path.read_text(errors="replace")
