"""The handoff worker that is started before it is wanted: it answers once, as a claim does, and leaves nothing."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from memguard.core.layout import handoff_socket
from memguard.gate.handoff import _ask_waiting
from tests.sandbox import wait_until
from tests.transcripts import Box
from tests.unit.handoff.test_claim import TICKET, context, guard, run

__all__ = ["guard"]
WORDS = ["--source", "resume"]
Worker = subprocess.Popen[bytes]


def ask(path: str, words: list[str]) -> tuple[str, str] | None:
    return _ask_waiting(path, words, time.monotonic() + 20)


@pytest.fixture
def path(guard: Path) -> str:
    return handoff_socket(str(guard), TICKET)


@pytest.fixture
def worker(guard: Path, path: str) -> Iterator[Worker]:
    command = [sys.executable, "-I", "-m", "memguard.handoff.waiting", "--guard", str(guard), "--ticket", TICKET]
    started = subprocess.Popen(command)
    wait_until(lambda: _listens(path), "the worker listens")
    yield started
    started.kill()
    started.wait()


def _listens(path: str) -> bool:
    """Whether somebody listens there, without asking anything: the kernel lists the socket as listening."""
    lines = Path("/proc/net/unix").read_text().splitlines()
    return any(line.endswith(f" {path}") and line.split()[3] == "00010000" for line in lines)


def test_it_answers_with_the_document_and_leaves_nothing(guard: Path, path: str, worker: Worker, box: Box) -> None:
    output, error = ask(path, ["--source", "startup"]) or ("", "nobody listens")
    assert error == ""
    answer = json.loads(output)
    assert "carry on with this" in context(answer)
    assert box.store.ids()[0] in answer["systemMessage"]
    assert worker.wait(20) == 0
    assert list((guard / "handoff").iterdir()) == []


def test_what_another_has_claimed_is_said(guard: Path, path: str, worker: Worker) -> None:
    question = socket.socket(socket.AF_UNIX)
    question.connect(path)
    assert run(guard).returncode == 0
    question.sendall("\0".join(WORDS).encode() + b"\n")
    assert question.recv(4096).startswith(b"1no handoff: ")
    question.close()
    worker.wait(20)


def test_a_question_that_is_cut_off_claims_nothing(guard: Path, path: str, worker: Worker) -> None:
    with socket.socket(socket.AF_UNIX) as question:
        question.connect(path)
        question.sendall(b"--source")
    assert worker.wait(20) == 1
    assert ask(path, WORDS) is None
    assert run(guard).returncode == 0


def test_a_question_that_is_no_claim_is_refused(guard: Path, path: str, worker: Worker) -> None:
    assert ask(path, ["--source", "elsewhere"]) == (
        "",
        "no handoff: --guard DIR --ticket ID --source resume|startup",
    )
    worker.wait(20)
    assert run(guard).returncode == 0


def test_where_it_was_killed_the_hook_goes_on_without(guard: Path, path: str, worker: Worker) -> None:
    worker.kill()
    worker.wait()
    assert Path(path).is_socket()
    assert ask(path, WORDS) is None
    assert run(guard).returncode == 0
    assert list((guard / "handoff").iterdir()) == []


@pytest.mark.parametrize("words", [[], ["--guard", "here", "--ticket", TICKET], ["--guard", "/x", "--ticket", "../y"]])
def test_it_is_started_for_one_ticket_of_one_guard(words: list[str]) -> None:
    command = [sys.executable, "-I", "-m", "memguard.handoff.waiting", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
