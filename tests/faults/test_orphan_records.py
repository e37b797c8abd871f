"""What dead sessions left, at the next session's start and by `memguard reap`, whatever the records say."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from memguard.core.identity import ProcessId
from memguard.core.layout import write_pairs
from memguard.core.session_clients import add_client, read_session
from memguard.core.tool_record import ToolRecord, record_tool
from memguard.host.identity import identify, is_alive
from memguard.host.linux import parent_pid
from memguard.host.run_state import run_state
from tests.sandbox import wait_until
from tests.unit.host.workshop import Workshop

if TYPE_CHECKING:
    from tests.sandbox import Sandbox

# Reparented, as what a client that is gone has left; its pid is what it prints.
ORPHANED = """
import os
if os.fork(): os._exit(0)
os.setsid()
print(os.getpid(), flush=True)
"""
SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"
NAMED = """
import sys, time
with open("/proc/self/comm", "w") as file: file.write("a) Z 1\\x1b[2J")
print("ready", flush=True)
time.sleep(600)
"""
SERVER = """
import socket, time
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
held = server.accept()
print("accepted", flush=True)
time.sleep(600)
"""
MANY = """
import os, sys, time
for _ in range(int(sys.argv[1])):
    if not os.fork():
        os.setsid()
        time.sleep(600)
        os._exit(0)
print("ready", flush=True)
os._exit(0)
"""


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    shop = Workshop()
    yield shop
    shop.close()


@pytest.fixture
def dead(workshop: Workshop) -> ProcessId:
    """A client that was killed."""
    client = workshop.start(SLEEPER)
    workshop.line(client)
    who = identify(client.pid)
    client.kill()
    client.wait()
    assert who
    return who


@pytest.fixture
def session(opted_in: Sandbox, dead: ProcessId) -> str:
    """The session that it had."""
    session_id = uuid.uuid4().hex
    add_client(_runtime(opted_in), session_id, dead)
    return session_id


def _orphan(workshop: Workshop, session_id: str = "", code: str = SLEEPER) -> ProcessId:
    """Somebody's child no more; ready once this returns."""
    maker = workshop.start(ORPHANED + code, session_id=session_id)
    who = workshop.adopt(int(workshop.line(maker)))
    workshop.line(maker)
    wait_until(lambda: parent_pid(who.pid) != maker.pid, "its parent has gone")
    return who


def _runtime(sandbox: Sandbox) -> str:
    return str(sandbox.runtime / "memguard")


def _guard(sandbox: Sandbox, client: ProcessId) -> str:
    folder = sandbox.runtime / "memguard" / "guards" / "00000000000000bb"
    folder.mkdir(parents=True)
    write_pairs(str(folder / "guard"), {"launcher": "", "kind": "plain"})
    write_pairs(str(folder / "client"), {"id": client.to_text(), "generation": 0})
    return str(folder)


def _reap(sandbox: Sandbox, *words: str, code: int = 0) -> dict[int, dict[str, Any]]:
    """What `memguard reap` says of each process that it found."""
    trees = json.loads(sandbox.memguard("reap", "--json", *words, code=code).stdout)
    return {process["pid"]: tree | process for tree in trees for process in tree["processes"]}


def _start(sandbox: Sandbox) -> str:
    """What another session's start says to the person."""
    event = {"session_id": uuid.uuid4().hex, "cwd": "/", "source": "startup"}
    done = sandbox.hook("session_start", json.dumps(event, separators=(",", ":")).encode(), CLAUDE_PID=str(os.getpid()))
    assert done.returncode == 0
    return str(json.loads(done.stdout or b"{}").get("systemMessage", ""))


def test_what_carries_a_dead_id_is_ended_and_its_neighbours_are_not(
    opted_in: Sandbox, workshop: Workshop, session: str
) -> None:
    orphan, neighbour = _orphan(workshop, session), _orphan(workshop)
    assert _reap(opted_in, "--dry-run")[orphan.pid]["outcome"] == "would be ended"
    assert is_alive(orphan)
    assert _reap(opted_in)[orphan.pid]["outcome"] == "ended"
    assert not is_alive(orphan)
    assert is_alive(neighbour)
    assert read_session(_runtime(opted_in), session).clients == []  # forgotten, since it has left nothing


def test_the_next_start_has_it_ended_and_says_so(opted_in: Sandbox, workshop: Workshop, session: str) -> None:
    orphan = _orphan(workshop, session)
    said = _start(opted_in)
    assert "1 process (" in said
    assert "python" in said
    assert "being ended" in said
    wait_until(lambda: not is_alive(orphan), "the orphan is ended")
    wait_until(lambda: any("ended: python" in line for line in opted_in.log()), "a line in the log")
    assert _start(opted_in) == ""


@pytest.mark.parametrize("how", ["pause", "observe"])
def test_it_is_only_told_where_the_person_wants_no_action(
    opted_in: Sandbox, workshop: Workshop, session: str, how: str
) -> None:
    if how == "pause":
        opted_in.memguard("pause")
    else:
        opted_in.config('mode = "observe"\n')
        opted_in.memguard("init")
    orphan = _orphan(workshop, session)
    assert "not ended; to end them: memguard reap" in _start(opted_in)
    assert is_alive(orphan)


def test_a_live_client_that_has_resumed_the_session_keeps_all_of_it(
    opted_in: Sandbox, workshop: Workshop, session: str
) -> None:
    orphan = _orphan(workshop, session)
    add_client(_runtime(opted_in), session, workshop.ready(SLEEPER))
    assert orphan.pid not in _reap(opted_in)
    assert _start(opted_in) == ""
    assert is_alive(orphan)


def test_a_client_without_memguard_that_has_resumed_it_does_too(
    opted_in: Sandbox, workshop: Workshop, session: str
) -> None:
    orphan, client = _orphan(workshop, session), workshop.ready(SLEEPER)
    registry = opted_in.home / ".claude" / "sessions"
    registry.mkdir(parents=True)
    entry = {"pid": client.pid, "sessionId": session, "procStart": str(client.start_ticks)}
    (registry / f"{client.pid}.json").write_text(json.dumps(entry))
    assert orphan.pid not in _reap(opted_in)
    assert _start(opted_in) == ""
    assert is_alive(orphan)


@pytest.mark.parametrize("part", [2, 3], ids=["boot", "namespace"])
def test_a_client_of_another_boot_or_namespace_is_neither_dead_nor_signalled(
    opted_in: Sandbox, workshop: Workshop, part: int
) -> None:
    living, session_id = workshop.ready(SLEEPER), uuid.uuid4().hex
    words = living.to_text().split(":")
    words[part] = "1"
    add_client(_runtime(opted_in), session_id, ProcessId.from_text(":".join(words)))
    orphan = _orphan(workshop, session_id)
    found = _reap(opted_in)
    assert (found[orphan.pid]["outcome"], living.pid in found) == ("left alone", False)
    assert is_alive(orphan)
    assert is_alive(living)


def test_a_record_whose_start_differs_is_of_another_process(
    opted_in: Sandbox, workshop: Workshop, dead: ProcessId, session: str
) -> None:
    folder = _guard(opted_in, dead)
    tool, stranger = _orphan(workshop), _orphan(workshop)
    record_tool(folder, ToolRecord(tool, "toolu_1", "Bash", session))
    reused = ProcessId(stranger.pid, stranger.start_ticks - 1, stranger.boot_id, stranger.pid_namespace)
    record_tool(folder, ToolRecord(reused, "toolu_2", "Bash", session))
    Path(f"{folder}/frozen").write_text(f"{reused.to_text()}\n")
    found = _reap(opted_in)
    assert (found[tool.pid]["outcome"], found[tool.pid]["origin"]) == ("ended", "part of a Bash call")
    assert stranger.pid not in found
    assert is_alive(stranger)


@pytest.mark.parametrize("spoil", ["torn", "open to others", "a link", "a folder"])
def test_a_registry_that_cant_be_believed_ends_nothing(
    opted_in: Sandbox, workshop: Workshop, session: str, spoil: str
) -> None:
    path = opted_in.runtime / "memguard" / "sessions" / session
    if spoil == "torn":
        path.write_text(path.read_text()[:-20])
    elif spoil == "open to others":
        path.chmod(0o666)
    else:
        path.rename(path.with_name("elsewhere"))
        path.mkdir() if spoil == "a folder" else path.symlink_to(path.with_name("elsewhere"))
    orphan = _orphan(workshop, session)
    assert _reap(opted_in)[orphan.pid]["outcome"] == "left alone"
    assert "being ended" not in _start(opted_in)
    assert is_alive(orphan)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_registry_of_another_users_is_not_even_read(opted_in: Sandbox, workshop: Workshop, session: str) -> None:
    orphan = _orphan(workshop, session)
    os.chown(opted_in.runtime / "memguard", 12345, 12345)
    done = opted_in.memguard("reap", code=1)
    assert "belongs to another user" in done.stderr
    assert _start(opted_in) == ""
    assert is_alive(orphan)


@pytest.mark.parametrize("value", ["../../../etc/passwd", "a\nclient=1:1:x:y", "x" * 100_000, "", "\x1b[2J"])
def test_a_hostile_session_id_is_nobodys(opted_in: Sandbox, workshop: Workshop, session: str, value: str) -> None:
    stranger = _orphan(workshop, value)
    assert session
    assert stranger.pid not in _reap(opted_in)
    assert is_alive(stranger)


def test_a_hostile_name_is_shown_harmlessly(opted_in: Sandbox, workshop: Workshop, session: str) -> None:
    orphan = _orphan(workshop, session, NAMED)
    shown = opted_in.memguard("reap", "--dry-run").stdout
    assert f"pid {orphan.pid} a) Z 1[2J (" in shown
    assert "\x1b" not in shown
    assert "a) Z 1[2J" in _start(opted_in)
    wait_until(lambda: not is_alive(orphan), "the orphan is ended")


def test_what_a_watchdog_had_stopped_when_all_were_killed_is_ended(
    opted_in: Sandbox, workshop: Workshop, dead: ProcessId, session: str
) -> None:
    folder = _guard(opted_in, dead)
    tool = _orphan(workshop)
    os.kill(tool.pid, signal.SIGSTOP)
    wait_until(lambda: run_state(tool.pid) == "T", "the tool is stopped")
    Path(f"{folder}/frozen").write_text(f"{tool.to_text()}\n")
    assert session
    assert "being ended" in _start(opted_in)
    wait_until(lambda: not is_alive(tool), "what was stopped is ended")


def test_what_was_stopped_and_is_asked_about_goes_on(opted_in: Sandbox, workshop: Workshop, dead: ProcessId) -> None:
    folder = _guard(opted_in, dead)
    living = uuid.uuid4().hex
    add_client(_runtime(opted_in), living, workshop.ready(SLEEPER))
    tool = _orphan(workshop, living)
    os.kill(tool.pid, signal.SIGSTOP)
    wait_until(lambda: run_state(tool.pid) == "T", "the tool is stopped")
    Path(f"{folder}/frozen").write_text(f"{tool.to_text()}\n")
    assert _reap(opted_in)[tool.pid]["outcome"] == "left alone"
    wait_until(lambda: run_state(tool.pid) == "S", "it goes on")
    assert not Path(f"{folder}/frozen").exists()


def test_who_is_asked_about_is_told_once_and_never_ended(opted_in: Sandbox, workshop: Workshop, session: str) -> None:
    """In use by a process that no session left: the test itself is connected to it."""
    maker = workshop.start(ORPHANED + SERVER, session_id=session)
    server = workshop.adopt(int(workshop.line(maker)))
    with socket.create_connection(("127.0.0.1", int(workshop.line(maker)))):
        workshop.line(maker)
        said = _start(opted_in)
        assert "not ended: in use by others" in said
        assert "memguard reap" in said
        assert _start(opted_in) == ""
        found = _reap(opted_in)[server.pid]
        assert (found["outcome"], found["why"][:16]) == ("left alone", "in use by others")
        assert is_alive(server)
    assert _reap(opted_in)[server.pid]["outcome"] == "ended"


def test_five_hundred_orphans_are_ended_in_one_go(opted_in: Sandbox, workshop: Workshop, session: str) -> None:
    maker = workshop.start(MANY, "500", session_id=session)
    workshop.line(maker)
    found = _reap(opted_in)
    ours = [entry for entry in found.values() if entry["session"] == session]
    assert len(ours) == 500
    assert {entry["outcome"] for entry in ours} == {"ended"}
    assert not any(run_state(entry["pid"]) not in ("", "Z") for entry in ours)


def test_reap_needs_no_project(sandbox: Sandbox, workshop: Workshop, dead: ProcessId) -> None:
    session_id = uuid.uuid4().hex
    sandbox.memguard("reap", "--dry-run")  # makes its folders
    add_client(_runtime(sandbox), session_id, dead)
    orphan = _orphan(workshop, session_id)
    done = subprocess.run(
        [sys.executable, "-m", "memguard.cli", "reap"],
        cwd="/", env=sandbox.environment, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert "ended: " in done.stdout
    assert f"pid {orphan.pid} " in done.stdout
    assert not is_alive(orphan)
