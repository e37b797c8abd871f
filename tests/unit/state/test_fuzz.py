"""Bytes that somebody else has written: a named error or a whole result, never anything else."""

from __future__ import annotations

import contextlib
import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memguard.core.errors import MemguardError
from memguard.state import envelope
from memguard.state.about import manifest_context
from memguard.state.keys import public_key
from memguard.state.rebuild import rebuild
from memguard.state.snapshot import Snapshot, from_json, to_json
from memguard.state.store import size_bytes
from memguard.state.verify import newest_good, verify
from tests import fuzz_targets
from tests.fuzz_targets import TARGETS, use_record
from tests.transcripts import SESSION, Box, Transcript
from tests.vectors.generate import vectors

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SEGMENT = {"name": "0" * 16, "start": 0, "end": 5, "plain_bytes": 5, "sealed_bytes": 9, "commitment": "ab" * 32}
RECORD: dict[str, Any] = {
    "version": 2, "id": "20261123T013405Z-1f3a9c", "t_utc": 1.5, "memguard_version": "0", "project_key": "-x",
    "session_id": SESSION, "privacy": "redacted", "missing": ["something"],
    "conversation": {
        "lines": 3, "is_torn": False, "requests": [{"text": "do", "time": ""}], "first_request": [], "unsent": [],
        "todos": [{"text": "one", "status": "pending"}], "files": ["/x/a.py"],
        "in_flight": [{"tool": "Bash", "tool_use_id": "toolu_1", "what": "make"}], "last_text": "I will",
        "git_branch": "main", "client_version": "2", "summary": "", "compactions": 0,
        "progress": {"phase": "", "calls": -1, "files": 0, "time": ""},
        "decisions": [{"kind": "answer", "subject": "which", "answer": "this", "time": "2026-11-23T02:08:19.267Z"}],
        "failures": [{"command": "make", "exit_code": 2, "output": "no", "times": 3, "time": ""}],
        "background": [{"kind": "command", "what": "sleep 9", "task_id": "b1", "time": ""}],
    },
    "process": {
        "id": "1:2:3", "pid": 1, "started_utc": 2.5, "command": ["claude"], "environment": {"A": "b"},
        "tree": [{"pid": 1, "name": "claude", "command": "claude", "footprint_bytes": 4}], "footprint_bytes": 4,
    },
    "project": {"cwd": "/x", "git": {"branch": "", "head": "", "status": ["a"], "diff": ""}, "open_files": ["a"]},
    "restart": {"reason": "why", "guard": "", "ticket": "", "attempts": [{"t_utc": 1, "reason": "why"}]},
    "transcripts": [{
        "name": "main", "path": "/x", "size_bytes": 5, "redactions": 0, "is_sealed": True, "begun": "", "meta": "",
        "segments": [SEGMENT],
    }],
}  # fmt: skip
# Half of a surrogate pair can be in a JSON text, and in no file's bytes.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)


def pieces(*texts: bytes) -> st.SearchStrategy[bytes]:
    """Anything, and what is made of parts of `texts`."""
    words = sorted({word for text in texts for word in text.split(b" ")} | {b" ", b"\n", b"=", b"checksum "})
    made = st.lists(st.one_of(st.sampled_from(words), st.binary(max_size=9)), max_size=12).map(b"".join)
    return st.one_of(st.binary(max_size=400), made)


@st.composite
def spoilt(draw: st.DrawFn, value: Any) -> Any:
    """A value with one thing in it another, left out, or there twice."""
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        name = draw(st.sampled_from(sorted(value)))
        if draw(st.integers(0, 9)) == 0:
            return {key: kept for key, kept in value.items() if key != name}
        return value | {name: draw(spoilt(value[name]))}
    if isinstance(value, list) and value and draw(st.integers(0, 9)):
        return [*value, draw(spoilt(value[0]))]
    return draw(VALUES)


STARTS = {
    "key file": b"memguard-key 1 private\npublic=00\nmade=2026-11-23T01:02:03Z\n",
    "cursor": b"memguard-cursor 1\n",
}


@pytest.mark.parametrize("target", TARGETS)
def test_any_bytes(target: str) -> None:
    known = [*vectors().values(), STARTS.get(target, b""), json.dumps(RECORD).encode()]

    @QUICK
    @given(pieces(*known))
    def feed(data: bytes) -> None:
        TARGETS[target](STARTS.get(target, b"") + data)

    feed()


@settings(QUICK, max_examples=200)
@given(spoilt(RECORD))
def test_a_record_that_is_nearly_one(record: Any) -> None:
    fuzz_targets.record(json.dumps(record).encode())


@settings(QUICK, max_examples=100)
@given(spoilt({"format": 1, "snapshot": RECORD, "streams": {"main": {"commitment": "ab" * 32, "plain_bytes": 5}}}))
def test_an_archive_whose_record_is_nearly_one(record: Any) -> None:
    fuzz_targets.forged_archive(json.dumps(record).encode())


@pytest.mark.parametrize("target", ["record", "forged archive"])
@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 50_000, b"9" * 100_000, b"nan", b'"\\ud800"'])
def test_json_that_no_reader_likes(target: str, text: bytes) -> None:
    TARGETS[target](text)
    TARGETS[target](b'{"version":2,"format":1,"snapshot":%b,"streams":{}}' % text)


def test_the_record_of_these_tests_is_one() -> None:
    record: Snapshot = RECORD  # type: ignore[assignment]
    use_record(from_json(to_json(record)))


class Forger:
    """Who can write to the store and knows the public key: puts records of their own in place of a snapshot's."""

    def __init__(self, box: Box) -> None:
        box.transcript.prompt("hello")
        self.snapshot_id = box.take(cwd="")
        self.store, self.keys = box.store, box.keys
        self.record: dict[str, Any] = {**box.read(self.snapshot_id)}
        self._public_key = public_key(str(box.state))

    def put(self, record: Any) -> None:
        """In place of the snapshot's."""
        context = manifest_context(self.store.project_key, self.snapshot_id)
        with open(self.store.path(self.snapshot_id, "manifest.sealed"), "wb") as sink:
            envelope.seal(io.BytesIO(json.dumps(record).encode()), sink, self._public_key, context)

    def read_all(self) -> None:
        """Everything that is done with a snapshot."""
        verify(self.store, self.snapshot_id, self.keys)
        self.store.is_whole(self.snapshot_id)
        size_bytes(self.store, self.snapshot_id)
        for reader in (self._newest, self._rebuilt):
            with contextlib.suppress(MemguardError):
                reader()

    def _newest(self) -> None:
        newest_good(self.store, self.keys)

    def _rebuilt(self) -> None:
        snapshot = self.store.read(self.snapshot_id, self.keys)
        for part in snapshot["transcripts"]:
            rebuild(self.store, snapshot, part["name"], io.BytesIO(), self.keys)


@pytest.fixture(scope="module")
def forger(tmp_path_factory: pytest.TempPathFactory) -> Forger:
    return Forger(Box(tmp_path_factory.mktemp("forger")))


@settings(QUICK, max_examples=100)
@given(st.data())
def test_a_forged_record_in_a_store(forger: Forger, data: st.DataObject) -> None:
    forger.put(data.draw(spoilt(forger.record)))
    forger.read_all()


@st.composite
def transcripts(draw: st.DrawFn) -> bytes:
    """Lines as the client writes them, spoilt one by one, and lines of anything."""
    lines = []
    for template in draw(st.lists(st.sampled_from(LINES), max_size=12)):
        line = json.dumps(draw(spoilt(template)), separators=(",", ":")).encode()
        cut = draw(st.integers(0, len(line)))
        lines.append(draw(st.sampled_from([line, line, line, line[:cut], line[:cut] + b"\xff\0" + line[cut:]])))
    return b"\n".join(lines) + draw(st.sampled_from([b"", b"\n", b"\n\n"]))


@pytest.fixture(scope="module", autouse=True)
def lines(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the client writes, to be spoilt."""
    transcript = Transcript(tmp_path_factory.mktemp("lines") / "lines.jsonl")
    transcript.prompt("do it")
    transcript.says("I will")
    transcript.result(transcript.calls("Bash", {"command": "make", "run_in_background": True}), "done", {"stdout": "x"})
    transcript.calls("TodoWrite", {"todos": [{"content": "one", "status": "pending"}]})
    transcript.result(transcript.calls("Edit", {"file_path": "/x/a.py"}), "The file was updated")
    transcript.calls("TaskUpdate", {"taskId": "1", "status": "completed"})
    transcript.entry(type="queue-operation", operation="enqueue", content="next", timestamp="2026-11-23T02:08:19.267Z")
    transcript.entry(type="attachment", attachment={"type": "queued_command", "prompt": "also"})
    LINES.extend(json.loads(line) for line in transcript.path.read_bytes().splitlines())


LINES: list[Any] = []


@settings(QUICK, max_examples=150)
@given(st.data())
def test_a_transcript_that_is_nearly_one(data: st.DataObject) -> None:
    fuzz_targets.transcript(data.draw(transcripts()))
