"""The handoff worker: once per restart, to one session, and nothing left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memguard.handoff.claim import claim, main
from memguard.testing.handoff_facts import restart_facts
from tests.transcripts import Box

TICKET = "beef01"


@pytest.fixture
def guard(box: Box) -> Path:
    """A guard's folder with a note and facts, as capture and watchdog leave them."""
    box.transcript.prompt("carry on with this")
    box.transcript.calls("Bash", {"command": "make everything"})
    folder = box.folder / "guards" / "aa11"
    folder.mkdir(parents=True)
    snapshot = box.capture(guard=str(folder), handoff=TICKET)
    (folder / "handoff" / f"{TICKET}.facts.json").write_text(json.dumps(restart_facts(snapshot=snapshot)._values))
    return folder


def run(guard: Path, source: str = "resume") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-m", "memguard.handoff.claim", "--guard", str(guard), "--ticket", TICKET]
    return subprocess.run([*command, "--source", source], capture_output=True, text=True, check=False, timeout=60)


def context(answer: dict[str, Any]) -> str:
    output = answer["hookSpecificOutput"]
    assert output["hookEventName"] == "SessionStart"
    return str(output["additionalContext"])


def test_one_document_and_nothing_left(guard: Path, box: Box) -> None:
    done = run(guard, "startup")
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert len(done.stdout.splitlines()) == 1
    assert "carry on with this" in context(answer)
    assert box.store.ids()[0] in answer["systemMessage"]
    assert list((guard / "handoff").iterdir()) == []


def test_a_second_claim_gets_nothing(guard: Path) -> None:
    assert run(guard).returncode == 0
    done = run(guard)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)


def test_of_many_at_once_one_gets_it(guard: Path) -> None:
    command = [sys.executable, "-I", "-m", "memguard.handoff.claim", "--guard", str(guard), "--ticket", TICKET]
    started = [
        subprocess.Popen([*command, "--source", "resume"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(6)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in started]
    assert [bool(output) for output in outputs].count(True) == 1
    assert list((guard / "handoff").iterdir()) == []


def flip(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


SPOILT: dict[str, Callable[[Path], None]] = {
    "note missing": lambda folder: (folder / f"{TICKET}.sealed").unlink(),
    "note flipped": lambda folder: flip(folder / f"{TICKET}.sealed"),
    "note of another ticket": lambda folder: flip(folder / f"{TICKET}.key"),
    "key missing": lambda folder: (folder / f"{TICKET}.key").unlink(),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_without_a_readable_note_the_facts_alone_are_told_saying_so(guard: Path, fault: str) -> None:
    SPOILT[fault](guard / "handoff")
    answer = claim(str(guard), TICKET, "resume")
    assert "could not be read" in context(answer)
    assert 'process 77 "python"' in context(answer)
    assert "carry on with this" not in context(answer)
    assert list((guard / "handoff").iterdir()) == []


@pytest.mark.parametrize("content", [None, "{torn"])
def test_without_readable_facts_the_record_is_told(guard: Path, content: str | None) -> None:
    path = guard / "handoff" / f"{TICKET}.facts.json"
    path.unlink() if content is None else path.write_text(content)
    assert "carry on with this" in context(claim(str(guard), TICKET, "startup"))
    assert list((guard / "handoff").iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        "", "--guard relative --ticket a --source resume", "--guard /x --ticket ../a --source resume", "--guard",
        "--guard /x --ticket a --source clear", "--guard /nonexistent --ticket a --source resume",
    ],
)  # fmt: skip
def test_hostile_arguments_are_one_line(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments.split()) == 1
    captured = capsys.readouterr()
    assert (captured.out, len(captured.err.splitlines())) == ("", 1)
