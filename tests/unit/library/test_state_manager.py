"""`StateManager` and `CompleteState`: on the sealed store, in a process of their own, and given back."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memguard import (
    CapturedProcess,
    CompleteState,
    ConversationState,
    ProjectState,
    RestartState,
    StateManager,
)
from memguard.core.errors import StateError
from memguard.host.identity import identify
from memguard.library.claude_session import session_in_tree
from memguard.state.retention import prune
from memguard.testing.leaky_client import write_program
from tests.sandbox import Sandbox, wait_until
from tests.unit.library.conftest import SteeredProgram

TEXTS = st.lists(st.text(max_size=20), max_size=3)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
STATES = st.builds(
    CompleteState,
    st.builds(ConversationState, st.text(), TEXTS, st.text(), st.text(), TEXTS, TEXTS, TEXTS, st.integers(min_value=0)),
    st.builds(CapturedProcess, st.integers(), TEXTS, st.dictionaries(st.text(), st.text()), NUMBERS, NUMBERS),
    st.builds(ProjectState, st.text(), st.text(), st.text(), TEXTS, TEXTS),
    st.builds(RestartState, st.text(), st.lists(st.dictionaries(st.text(), st.text() | NUMBERS), max_size=2)),
    st.dictionaries(st.text(), st.text() | TEXTS, max_size=3),
)


@given(STATES)
def test_a_state_survives_json(state: CompleteState) -> None:
    assert CompleteState.from_dict(json.loads(json.dumps(state.to_dict()))) == state


@pytest.mark.parametrize(
    "data",
    [
        {"conversation": {"session_id": 5}}, {"process": {"unknown": 1}}, {"project": []}, {"restart": None},
        {"metadata": 3}, [],
    ],
)  # fmt: skip
def test_what_is_no_state_is_refused(data: Any) -> None:
    with pytest.raises(StateError, match="not a complete state"):
        CompleteState.from_dict(data)


def captured(manager: StateManager, reason: str = "manual") -> CompleteState:
    state = asyncio.run(manager.capture_state(reason))
    assert state, manager.last_error
    return state


def test_a_capture_holds_process_project_and_reason_without_secrets(
    machine: Sandbox, program: SteeredProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", "sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789")
    monkeypatch.setenv("MARK", "seen")
    (machine.project / ".git").mkdir()
    with program.run() as process:
        wait_until(program.starts, "its start")
        manager = StateManager()
        manager.watch(identify(process.pid), str(machine.project))
        state = captured(manager, "because")
    assert state.process.pid == process.pid
    assert state.process.command[0] == program.command[0]
    assert state.process.environment["MARK"] == "seen"
    assert "abcdefghij" not in json.dumps(state.to_dict())
    assert state.process.memory_mb > 1
    assert state.project.working_directory == str(machine.project)
    assert state.restart.reason == "because"
    assert state.metadata["privacy"] == "redacted"
    assert asyncio.run(manager.load_state()) == state
    assert asyncio.run(manager.load_state(state.state_id[:12])) == state


def test_what_is_on_the_disk_is_sealed_and_the_persons_alone(machine: Sandbox, tmp_path: Path) -> None:
    manager = StateManager(tmp_path / "states")
    captured(manager, "a reason that nobody else reads")
    files = [path for path in (tmp_path / "states").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "states").rglob("*") if path.is_dir()} == {0o700}
    folder = os.fsencode(machine.project)
    sealed = [path for path in files if path.suffix == ".sealed"]
    assert sealed
    assert not any(folder in path.read_bytes() for path in sealed)


def test_what_repeats_itself_is_compressed(machine: Sandbox, tmp_path: Path) -> None:
    for number in range(100):
        (machine.project / f"a-file-with-a-rather-long-name-that-repeats-itself-{number}").write_text("x")
    subprocess.run(["git", "init", "-q", str(machine.project)], check=True)
    manager = StateManager(tmp_path / "states")
    state = captured(manager)
    assert len(state.project.git_status) == 100
    sealed = (tmp_path / "states").rglob("manifest.sealed")
    assert sum(path.stat().st_size for path in sealed) < len(json.dumps(state.to_dict())) / 2


def test_the_conversation_of_a_client_in_the_tree_is_captured_and_given_back(machine: Sandbox) -> None:
    """The leaky client writes transcript and registry as Claude Code does; a program has started it."""
    client = write_program(machine.folder / "claude")
    code = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    words = [sys.executable, "-c", code, client, "--hold", "a question"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, cwd=machine.project)
    try:
        session = wait_until(lambda: session_in_tree(process.pid), "a registered client")
        assert session
        assert session.client.pid != process.pid
        transcript = Path(session.transcript)
        wait_until(lambda: transcript.exists() and "turn_duration" in transcript.read_text(), "the turn")
        manager = StateManager()
        manager.watch(identify(process.pid))
        state = captured(manager)
    finally:
        process.kill()
        process.wait()
        for pid in machine.pids():
            if pid != os.getpid():
                os.kill(pid, 9)
    assert state.conversation.session_id == session.session_id
    assert state.conversation.recent_context == ["a question"]
    assert asyncio.run(manager.restore_state(state))
    assert manager.resumed_session == session.session_id, "the client still has it"
    transcript.unlink()
    assert asyncio.run(manager.restore_state(state))
    assert manager.resumed_session == session.session_id
    assert "a question" in transcript.read_text()


def test_restoring_changes_to_the_folder_and_gives_harmless_variables_back(
    machine: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CLAUDE_CODE_MAX_OUTPUT_TOKENS", "1234")
    monkeypatch.setenv("CLAUDE_CODE_SHELL_PREFIX", "/tmp/run-this")
    # The variables that a process was started with count, so this very one would not have them.
    state = _captured_of_a_child(machine)
    for name in ("CLAUDE_CODE_MAX_OUTPUT_TOKENS", "CLAUDE_CODE_SHELL_PREFIX"):
        monkeypatch.delenv(name)
    manager = StateManager()
    monkeypatch.chdir(tmp_path)
    assert asyncio.run(manager.restore_state(state)), manager.last_error
    assert Path.cwd() == machine.project
    assert os.environ["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] == "1234"
    assert "CLAUDE_CODE_SHELL_PREFIX" not in os.environ, "it names a program that is run"


def _captured_of_a_child(machine: Sandbox) -> CompleteState:
    steered = SteeredProgram(machine.folder)
    with steered.run() as process:
        wait_until(steered.starts, "its start")
        manager = StateManager()
        manager.watch(identify(process.pid), str(machine.project))
        return captured(manager)


def test_without_a_state_nothing_is_loaded_or_restored(machine: Sandbox) -> None:
    manager = StateManager()
    assert asyncio.run(manager.load_state()) is None
    assert not asyncio.run(manager.restore_state())
    assert Path.cwd() == machine.project
    assert "no snapshot" in manager.last_error


@pytest.mark.parametrize("state_id", ["../../etc/passwd", "/etc/passwd", "..", "\0", "%2e%2e", ""])
def test_no_id_leads_out_of_the_store(machine: Sandbox, state_id: str) -> None:
    manager = StateManager()
    captured(manager)
    (machine.state / "manifest.sealed").write_bytes(b"x")
    assert asyncio.run(manager.restore_state(state_id)) is False
    if state_id:
        assert asyncio.run(manager.load_state(state_id)) is None


def test_a_folder_that_is_gone_is_not_restored(machine: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    manager, gone = StateManager(), machine.folder / "gone"
    gone.mkdir()
    manager.watch(identify(os.getpid()), str(gone))
    state = captured(manager)
    gone.rmdir()
    monkeypatch.delenv("LANG", raising=False)
    assert not asyncio.run(manager.restore_state(state.state_id))
    assert "not there any more" in manager.last_error
    assert Path.cwd() == machine.project


@pytest.mark.usefixtures("machine")
def test_old_states_are_cleaned_up_and_the_newest_good_one_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = StateManager()
    assert asyncio.run(manager.cleanup_old_states()) == 0, "an empty store is no error"
    for _ in range(3):
        captured(manager)
    assert asyncio.run(manager.cleanup_old_states()) == 0, "none is older than 7 days"
    later = time.time() + 8 * 86400
    monkeypatch.setattr(
        "memguard.library.state_manager.prune", lambda store, settings, session: prune(store, settings, session, later)
    )
    newest = manager.store.ids()[0]
    assert asyncio.run(manager.cleanup_old_states(30)) == 0
    assert asyncio.run(manager.cleanup_old_states(max_age_days=7)) == 2
    assert manager.store.ids() == [newest]


@pytest.mark.usefixtures("machine")
def test_a_capture_that_fails_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    manager = StateManager(tmp_path / "states")
    (tmp_path / "states" / "keys").write_text("no folder")
    assert asyncio.run(manager.capture_state()) is None
    assert manager.last_error
    assert manager.store.ids() == []


def test_a_key_behind_a_passphrase_is_asked_for_and_without_it_the_plain_facts_remain(machine: Sandbox) -> None:
    captured(StateManager())
    passphrase = machine.folder / "passphrase"
    passphrase.write_text("correct horse battery staple\n")
    passphrase.chmod(0o600)
    machine.memguard("key", "move", "--to", "passphrase", "--new-passphrase-file", str(passphrase))
    locked = captured(StateManager(), "locked")
    assert locked.state_id
    assert locked.restart.reason == "locked"
    assert locked.metadata["missing"] == ["the record: it was not opened"]
    manager = StateManager(ask=lambda _: "correct horse battery staple")
    assert asyncio.run(manager.load_state(locked.state_id))
