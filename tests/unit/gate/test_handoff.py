"""The hook that fetches a handoff: whoever is asked for it, the client is not kept waiting, and nothing is raised."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from memguard.core.layout import handoff_socket
from memguard.gate import handoff
from memguard.gate.handoff import claim

TICKET = "beef01"
LIMIT_S = 0.8


@pytest.fixture
def event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A SessionStart after a restart, and a worker's interpreter that answers at once."""
    monkeypatch.setattr(handoff, "_CLAIM_TIMEOUT_S", LIMIT_S)
    (tmp_path / "handoff").mkdir()
    made = SimpleNamespace(
        guard_dir=str(tmp_path), state_dir=str(tmp_path), project_dir=str(tmp_path),
        payload=SimpleNamespace(first=lambda _: "startup"),
        pairs={"home": str(tmp_path), "path": os.environ["PATH"], "runtime": str(tmp_path)},
    )  # fmt: skip
    worker(made, 'echo \'{"from": "a new one"}\'')
    return made


def worker(event: Any, does: str) -> None:
    program = Path(event.guard_dir) / "python"
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o700)
    event.pairs["python"] = str(program)


@pytest.fixture
def desk(event: Any) -> Iterator[socket.socket]:
    """Where a worker listens that is started for this."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(handoff_socket(event.guard_dir, TICKET))
        listening.listen(1)
        yield listening


def claimed(event: Any) -> tuple[dict[str, object], float]:
    """The answer, and after how many seconds it came."""
    begun_s = time.monotonic()
    return claim(event, TICKET), time.monotonic() - begun_s


def log(event: Any) -> str:
    path = Path(event.state_dir) / "memguard.log"
    return path.read_text() if path.exists() else ""


@pytest.mark.usefixtures("desk")
def test_a_worker_that_never_answers_costs_the_time_once(event: Any) -> None:
    worker(event, "exec sleep 30")
    answer, seconds = claimed(event)
    assert (answer, LIMIT_S * 0.9 < seconds < LIMIT_S * 1.8) == ({}, True), seconds
    assert "took too long" in log(event)


@pytest.mark.usefixtures("desk")
def test_one_that_may_have_claimed_it_is_followed_by_no_other(event: Any) -> None:
    """The other would find it claimed, and say that instead of what went wrong."""
    worker(event, f"touch '{event.guard_dir}/started'")
    assert claimed(event)[0] == {}
    assert not (Path(event.guard_dir) / "started").exists()


def test_one_that_answers_a_little_at_a_time_is_not_waited_for_either(event: Any, desk: socket.socket) -> None:
    stop = threading.Event()

    def dribble() -> None:
        client, _ = desk.accept()
        with client:
            while not stop.wait(LIMIT_S / 4):
                try:
                    client.sendall(b"0")
                except OSError:
                    return

    thread = threading.Thread(target=dribble)
    thread.start()
    threading.Timer(LIMIT_S * 4, stop.set).start()
    answer, seconds = claimed(event)
    stop.set()
    thread.join()
    assert (answer, seconds < LIMIT_S * 1.8) == ({}, True), seconds


def hangs_up(desk: socket.socket) -> None:
    desk.accept()[0].close()


def is_gone(desk: socket.socket) -> None:
    desk.close()


@pytest.mark.parametrize("does", [hangs_up, is_gone])
def test_where_none_answers_any_more_a_new_one_does(
    event: Any, desk: socket.socket, does: Callable[[socket.socket], None]
) -> None:
    thread = threading.Thread(target=does, args=(desk,))
    thread.start()
    if does is is_gone:
        thread.join()
    answer, _ = claimed(event)
    thread.join()
    assert (answer, log(event)) == ({"from": "a new one"}, "")


def test_a_new_one_that_hangs_is_ended_and_it_is_said(event: Any) -> None:
    worker(event, f"echo $$ > '{event.guard_dir}/pid'; exec sleep 30")
    answer, seconds = claimed(event)
    assert (answer, seconds < LIMIT_S * 1.8) == ({}, True), seconds
    assert "took too long" in log(event)
    assert not Path(f"/proc/{(Path(event.guard_dir) / 'pid').read_text().strip()}").exists()


def test_the_hook_is_done_before_the_client_ends_it() -> None:
    """10 s by the entry in the settings; the hook's own start, and tidying up, come before."""
    assert handoff._CLAIM_TIMEOUT_S <= 7.5
