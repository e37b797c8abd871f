"""Which processes are what a dead session left, and which of them are ended without asking."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from memguard.core.identity import ProcessId
from memguard.core.session_clients import Left, add_client, add_left, read_session
from memguard.core.tool_record import ToolRecord, record_tool
from memguard.host.identity import process_id
from memguard.host.orphans import may_have_left
from memguard.host.session_rule import ANOTHER_SESSION, UNKNOWN_SESSION
from memguard.host.sparing import ANOTHER_USER, TERMINAL
from memguard.testing.fake_host import FakeHost

from .leftover_proc import DEAD_CLIENT, LIVING, LIVING_CLIENT, OVER, LeftoverProc

TTY = 34816
ROOT = Path(__file__).parents[3]


@pytest.fixture
def left(fake: FakeHost, tmp_path: Path) -> LeftoverProc:
    return LeftoverProc(fake, tmp_path)


def _gone(who: ProcessId, **changed: str) -> ProcessId:
    named = {"boot_id": who.boot_id, "pid_namespace": who.pid_namespace} | changed
    return ProcessId(who.pid, who.start_ticks, named["boot_id"], named["pid_namespace"])


def test_what_carries_a_dead_id_is_ended_with_all_below_it(left: LeftoverProc) -> None:
    left.add(100, session=OVER, anon_kb=4)
    left.add(101, 100, anon_kb=8)
    left.add(102, 101, session=OVER)
    left.add(200, session=LIVING)
    left.add(300)
    (tree,) = left.orphans().trees
    assert [process.who.pid for process in tree.processes] == [100, 101, 102]
    assert (tree.asks, tree.session_id, tree.footprint_bytes) == ("", OVER, 12 * 1024)
    assert tree.processes[0].who == process_id(100, 1000)


def test_an_id_is_dead_only_when_every_client_that_had_it_is(left: LeftoverProc) -> None:
    left.add(100, session=OVER)
    add_client(left.runtime, OVER, process_id(LIVING_CLIENT, 500))
    assert left.orphans().trees == []


@pytest.mark.parametrize("changed", [{"pid_namespace": "1"}, {"boot_id": "another"}], ids=["namespace", "boot"])
def test_a_client_of_elsewhere_is_neither_dead_nor_alive(left: LeftoverProc, changed: dict[str, str]) -> None:
    left.add(100, session="elsewhere")
    add_client(left.runtime, "elsewhere", _gone(process_id(DEAD_CLIENT, 400), **changed))
    assert left.endable() == []
    assert left.doubtful() == {100: UNKNOWN_SESSION}


def test_a_client_without_memguard_that_has_resumed_it_keeps_it_alive(left: LeftoverProc, tmp_path: Path) -> None:
    left.add(100, session=OVER)
    left.add(950, name="claude", start_ticks=600)
    entry = {"pid": 950, "sessionId": OVER, "procStart": "600"}
    (tmp_path / "config" / "sessions").mkdir(parents=True)
    path = tmp_path / "config" / "sessions" / "950.json"
    path.write_text(json.dumps(entry))
    assert left.orphans(str(tmp_path / "config")).trees == []
    path.write_text(json.dumps(entry | {"procStart": "601"}))  # its pid is another's now
    assert len(left.orphans(str(tmp_path / "config")).endable) == 1


def test_the_clients_registry_is_found_by_what_the_process_itself_was_started_with(
    left: LeftoverProc, tmp_path: Path
) -> None:
    left.add(100, session=OVER)
    left.add(950, name="claude")
    left.fake.write("100/environ", f"CLAUDE_CODE_SESSION_ID={OVER}\0CLAUDE_CONFIG_DIR={tmp_path}/own\0")
    (tmp_path / "own" / "sessions").mkdir(parents=True)
    (tmp_path / "own" / "sessions" / "950.json").write_text(json.dumps({"pid": 950, "sessionId": OVER}))
    assert left.orphans().trees == []


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"pid": true}', '{"pid": "950"}', '{"pid": 950, "sessionId": 7}', "[" * 9999]
)
def test_an_odd_entry_of_the_clients_registry_says_nothing(left: LeftoverProc, tmp_path: Path, text: str) -> None:
    left.add(100, session=OVER)
    left.add(950)
    (tmp_path / "c" / "sessions").mkdir(parents=True)
    (tmp_path / "c" / "sessions" / "950.json").write_text(text)
    os.mkfifo(tmp_path / "c" / "sessions" / "951.json")
    assert len(left.orphans(str(tmp_path / "c"), "/nowhere", "not absolute", "a\0b").endable) == 1


def test_a_client_that_its_environment_names_and_that_may_live_makes_it_doubtful(left: LeftoverProc) -> None:
    left.add(950, name="claude", start_ticks=600)
    left.add(100, session=OVER, client_pid=950)
    left.add(951, start_ticks=5000)  # younger than the tool: the pid was given away
    left.add(110, session=OVER, client_pid=951)
    assert left.endable() == [[110]]
    assert left.doubtful() == {100: ANOTHER_SESSION}


def test_a_terminal_spares_who_is_above_and_below_it_and_nobody_beside_it(left: LeftoverProc) -> None:
    left.add(100, session=OVER, name="tmux: server")
    left.add(101, 100, terminal=TTY)
    left.add(102, 101)
    left.add(103, 100)
    assert left.endable() == [[103]]
    assert left.doubtful() == dict.fromkeys((100, 101, 102), TERMINAL)


def test_a_living_session_below_spares_who_is_above_it(left: LeftoverProc) -> None:
    left.add(100, session=OVER)
    left.add(101, 100, session=OVER, name="claude")
    left.add(102, 101, session=LIVING)
    left.add(110, session=OVER)
    add_client(left.runtime, "nested", left.add(111, 110, session=OVER, name="claude"))
    assert left.endable() == []
    assert left.doubtful() == dict.fromkeys((100, 101, 102, 110, 111), ANOTHER_SESSION)


def test_so_does_one_in_a_pane_whose_own_process_is_its_launcher(left: LeftoverProc) -> None:
    """Launcher and client are not among what was left: the server stands there alone."""
    left.add(100, session=OVER, name="tmux: server")
    left.add(101, 100, terminal=TTY, command=f"python\0{ROOT}/memguard/launcher/__main__.py\0")
    add_client(left.runtime, "nested", left.add(102, 101, terminal=TTY, name="claude"))
    assert left.endable() == []
    assert left.doubtful() == {100: ANOTHER_SESSION}


def test_what_a_living_client_started_is_its_own_whatever_it_inherited(left: LeftoverProc) -> None:
    """A client in a pane of a tmux server that a tool of the dead session had started."""
    left.add(200, LIVING_CLIENT, session=OVER, name="mcp server")
    assert left.orphans().trees == []


def test_an_unknown_id_is_asked_about_unless_its_client_may_live(left: LeftoverProc) -> None:
    left.add(100, session="unknown")
    left.add(101, 100)
    left.add(110, session="unknown", client_pid=LIVING_CLIENT)
    left.add(120, LIVING_CLIENT, session="unknown")
    left.add(130, session="unknown", client_pid=DEAD_CLIENT)
    assert left.endable() == []
    assert left.doubtful() == dict.fromkeys((100, 101, 130), UNKNOWN_SESSION)


def test_a_recorded_tool_of_a_dead_client_is_ended_without_any_id(left: LeftoverProc) -> None:
    folder = left.guard("aa", process_id(DEAD_CLIENT, 400))
    record_tool(folder, ToolRecord(left.add(100), "toolu_1", "Bash", OVER))
    left.add(101, 100)
    (tree,) = left.orphans().trees
    assert [process.who.pid for process in tree.processes] == [100, 101]
    assert (tree.origin, tree.asks) == ("part of a Bash call", "")


def test_it_is_so_too_where_the_conversation_was_resumed_and_the_guard_is_gone(left: LeftoverProc) -> None:
    add_left(left.runtime, OVER, Left(left.add(100, session=OVER), process_id(DEAD_CLIENT, 400), "Bash"))
    add_left(left.runtime, OVER, Left(left.add(110), process_id(LIVING_CLIENT, 500), "Bash"))
    add_client(left.runtime, OVER, process_id(LIVING_CLIENT, 500))
    left.add(120, session=OVER)
    assert left.endable() == [[100]]
    assert left.doubtful() == {}


def test_a_record_of_a_pid_that_was_given_away_is_nobodys(left: LeftoverProc) -> None:
    folder = left.guard("aa", process_id(DEAD_CLIENT, 400))
    who = left.add(100)
    record_tool(folder, ToolRecord(_ticks(who, 999), "", "Bash", OVER))
    add_left(left.runtime, OVER, Left(_ticks(who, 998), process_id(DEAD_CLIENT, 400), "Bash"))
    assert left.orphans().trees == []


def _ticks(who: ProcessId, ticks: int) -> ProcessId:
    return ProcessId(who.pid, ticks, who.boot_id, who.pid_namespace)


def test_between_two_clients_of_a_launcher_nothing_is_an_orphan(left: LeftoverProc) -> None:
    launcher = left.add(800, session=OVER)
    folder = left.guard("aa", process_id(DEAD_CLIENT, 400), launcher)
    Path(f"{folder}/sessions/{OVER}").write_text("")
    record_tool(folder, ToolRecord(left.add(100, session=OVER), "", "Bash", OVER))
    assert left.orphans().trees == []


def test_memguards_own_processes_are_left_out_with_what_they_started(left: LeftoverProc) -> None:
    package = Path(__file__).parents[3] / "memguard"
    left.add(100, session=OVER)
    left.add(101, 100, session=OVER, command=f"python\0-I\0-S\0{package}/watchdog/__main__.py\0guard")
    left.add(102, 101, session=OVER, command="python\0-m\0memguard.state.capture\0")
    assert left.endable() == [[100] ]  # fmt: skip
    assert left.orphans().doubtful == []
    orphans = left.orphans()
    assert orphans.endable
    assert orphans.own_pids == {101, 102}


def test_another_users_process_is_no_orphan_of_ours(left: LeftoverProc) -> None:
    left.add(100, session=OVER, uid=os.geteuid() + 1)
    left.add(110, session=OVER)
    left.add(111, 110, uid=os.geteuid() + 1)
    left.add(112, 110)
    assert left.endable() == [[110, 112]]
    assert left.doubtful() == {111: ANOTHER_USER}


def test_what_a_dead_watchdog_had_stopped_is_ended(left: LeftoverProc) -> None:
    folder = left.guard("aa", process_id(DEAD_CLIENT, 400))
    Path(f"{folder}/frozen").write_text(f"{left.add(100, state='T').to_text()}\ntorn:1")
    assert left.endable() == [[100]]
    watchdog = left.add(700)
    Path(f"{folder}/watchdog").write_text(watchdog.to_text())
    assert left.endable() == []  # it lives: its own business


def test_the_largest_comes_first_and_zombies_are_nobody(left: LeftoverProc) -> None:
    left.add(100, session=OVER, anon_kb=4)
    left.add(110, session=OVER, anon_kb=400)
    left.add(120, session=OVER, state="Z", has_memory=False)
    assert left.endable() == [[110], [100]]


def test_a_session_that_left_nothing_is_forgotten(left: LeftoverProc) -> None:
    left.add(100, session=OVER)
    left.orphans().forget_sessions()
    assert read_session(left.runtime, OVER).clients
    left.fake.write("100/environ", "")
    left.orphans().forget_sessions()
    assert not read_session(left.runtime, OVER).clients
    assert read_session(left.runtime, LIVING).clients


def test_a_session_of_another_namespace_is_not_forgotten_and_one_of_another_boot_is(left: LeftoverProc) -> None:
    dead = process_id(DEAD_CLIENT, 400)
    add_client(left.runtime, "namespace", _gone(dead, pid_namespace="1"))
    add_client(left.runtime, "boot", _gone(dead, boot_id="another"))
    left.orphans().forget_sessions()
    assert read_session(left.runtime, "namespace").clients
    assert not read_session(left.runtime, "boot").clients


def test_a_scan_is_worth_it_only_once_somebody_has_died(tmp_path: Path) -> None:
    runtime = str(tmp_path)
    assert not may_have_left(runtime)
    ticks = int(Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()[19])
    me = process_id(os.getpid(), ticks)
    add_client(runtime, LIVING, me)
    assert not may_have_left(runtime)
    add_client(runtime, OVER, process_id(me.pid, ticks + 1))
    assert may_have_left(runtime)
