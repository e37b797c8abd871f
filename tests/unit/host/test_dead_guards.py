"""What dead guards have left goes; what lives, may live elsewhere, or is being made stays."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from memguard.core.identity import ProcessId
from memguard.core.layout import WATCHDOG, write_pairs
from memguard.core.lock import FileLock
from memguard.core.session_clients import read_session
from memguard.core.tool_record import ToolRecord, record_tool
from memguard.host import identity
from memguard.host.dead_guards import collect
from memguard.host.run_state import is_stopped

from .workshop import until


def _me() -> ProcessId:
    found = identity.identify(os.getpid())
    assert found
    return found


def _dead() -> ProcessId:
    with subprocess.Popen(["sleep", "60"]) as process:
        found = identity.identify(process.pid)
        process.kill()
    assert found
    return found


def _other(who: ProcessId, **changed: str) -> ProcessId:
    named = {"boot_id": who.boot_id, "pid_namespace": who.pid_namespace} | changed
    return ProcessId(who.pid, who.start_ticks, named["boot_id"], named["pid_namespace"])


def _guard(runtime: Path, name: str, launcher: str = "", client: str = "", age_s: float = 3600) -> Path:
    folder = runtime / "guards" / name
    (folder / "handoff").mkdir(parents=True)
    (folder / "handoff" / "t.sealed").write_bytes(b"x")
    write_pairs(str(folder / "guard"), {"kind": "launcher", "launcher": launcher})
    if client:
        write_pairs(str(folder / "client"), {"id": client, "generation": 0})
    _age(folder, age_s)
    return folder


def _record(runtime: Path, who: ProcessId, guard: str) -> Path:
    path = runtime / "clients" / str(who.pid)
    path.parent.mkdir(exist_ok=True)
    write_pairs(str(path), {"id": who.to_text(), "guard": guard})
    _age(path, 3600)
    return path


def _age(path: Path, age_s: float) -> None:
    os.utime(path, (time.time() - age_s,) * 2)


def test_a_guard_whose_processes_are_gone_is_removed_with_its_clients_record(tmp_path: Path) -> None:
    dead = _dead()
    folder, record = _guard(tmp_path, "aa", dead.to_text(), dead.to_text()), _record(tmp_path, dead, "aa")
    assert collect(str(tmp_path)) == ["aa"]
    assert not folder.exists()
    assert not record.exists()


def test_a_guard_of_another_boot_is_dead_though_its_numbers_fit(tmp_path: Path) -> None:
    earlier = _other(_me(), boot_id="another")
    _guard(tmp_path, "aa", earlier.to_text(), earlier.to_text())
    assert not [*_kept(tmp_path)]


@pytest.mark.parametrize("part", ["launcher", "client"])
def test_a_guard_of_which_anything_lives_stays(tmp_path: Path, part: str) -> None:
    dead, me = _dead().to_text(), _me().to_text()
    _guard(tmp_path, "aa", me if part == "launcher" else dead, me if part == "client" else dead)
    assert _kept(tmp_path) == ["aa"]


def test_a_guard_of_another_namespace_stays(tmp_path: Path) -> None:
    elsewhere = _other(_dead(), pid_namespace="4026530000")
    _guard(tmp_path, "aa", elsewhere.to_text(), elsewhere.to_text())
    record = _record(tmp_path, elsewhere, "aa")
    assert _kept(tmp_path) == ["aa"]
    assert record.exists()


def test_a_guard_that_is_being_made_stays(tmp_path: Path) -> None:
    (tmp_path / "guards" / "aa").mkdir(parents=True)
    _guard(tmp_path, "bb", _dead().to_text(), age_s=30)
    assert _kept(tmp_path) == ["aa", "bb"]


def test_a_guard_whose_watchdog_still_tidies_up_stays(tmp_path: Path) -> None:
    folder = _guard(tmp_path, "aa", _dead().to_text())
    with FileLock(str(folder / WATCHDOG)):
        _age(folder, 3600)
        assert _kept(tmp_path) == ["aa"]
    _age(folder, 3600)
    assert _kept(tmp_path) == []


def test_a_plain_guard_that_a_living_clients_record_names_stays(tmp_path: Path) -> None:
    _guard(tmp_path, "aa")
    _record(tmp_path, _me(), "aa")
    assert _kept(tmp_path) == ["aa"]


def test_no_link_is_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").write_text("x")
    folder = _guard(tmp_path, "aa")
    (folder / "link").symlink_to(outside)
    _age(folder, 3600)
    (tmp_path / "guards" / "bb").symlink_to(outside)
    assert _kept(tmp_path) == ["bb"]
    assert (outside / "mine").exists()


def test_without_a_runtime_folder_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert collect(str(tmp_path / "none")) == []


def _kept(runtime: Path) -> list[str]:
    collect(str(runtime))
    return sorted(path.name for path in (runtime / "guards").iterdir())


def test_a_tools_process_that_lives_on_is_remembered_beside_its_session(tmp_path: Path) -> None:
    dead = _dead()
    folder = _guard(tmp_path, "aa", client=dead.to_text())
    record_tool(str(folder), ToolRecord(_me(), "toolu_1", "Bash", "session-1"))
    record_tool(str(folder), ToolRecord(_dead(), "toolu_2", "Bash", "session-1"))
    _age(folder, 3600)
    assert collect(str(tmp_path)) == ["aa"]
    (left,) = read_session(str(tmp_path), "session-1").left
    assert (left.who, left.client, left.tool) == (_me(), dead, "Bash")


@pytest.mark.parametrize("age_s", [3600, 5])
def test_what_a_dead_watchdog_had_stopped_goes_on(tmp_path: Path, age_s: float) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        stopped = identity.identify(process.pid)
        assert stopped
        process.send_signal(signal.SIGSTOP)
        until(lambda: is_stopped(process.pid))
        dead = _dead().to_text()
        folder = _guard(tmp_path, "aa", dead, dead)
        (folder / "frozen").write_text(f"{stopped.to_text()}\n")
        _age(folder, age_s)
        with FileLock(str(folder / WATCHDOG)):
            _age(folder, age_s)
            collect(str(tmp_path))
            assert is_stopped(process.pid)
        _age(folder, age_s)
        collect(str(tmp_path))
        until(lambda: not is_stopped(process.pid))
        process.kill()


def test_what_was_left_half_done_beside_the_sessions_goes(tmp_path: Path) -> None:
    (tmp_path / "sessions").mkdir()
    for name, age_s in {"abc": 3600, "abc.7.dropped": 3600, "abd.7.dropped": 5}.items():
        (tmp_path / "sessions" / name).write_text("client=1:1:b:n\n")
        _age(tmp_path / "sessions" / name, age_s)
    collect(str(tmp_path))
    assert sorted(os.listdir(tmp_path / "sessions")) == ["abc", "abd.7.dropped"]
