"""Several guarded sessions on one host share one budget: one is restarted, the idle one, and never all at once."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest

from memguard.core.layout import GUARD, NEIGHBOUR, VICTIM, read_pairs
from memguard.host import current
from tests.sandbox import Sandbox, wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

MB = 1024 * 1024
LEAK_MB = 240
# An idle client of this kind holds 10 MB, so that it takes three full ones to be over either budget.
ROOM_FOR_TWO = "[host]\nbudget = 620\n[restart_policy]\ntyping_quiet = 0\n"
ROOM_FOR_NONE = "[host]\nbudget = 200\n[restart_policy]\ntyping_quiet = 0\n"
ROOM_FOR_ONE = "[host]\nbudget = 420\n[restart_policy]\ntyping_quiet = 0\n"


class Sessions:
    """Guarded sessions of one project, by their guards' ids."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.launchers: dict[str, subprocess.Popen[bytes]] = {}

    def idle(self) -> str:
        """One whose turn is over."""
        return self._start("--steps", "1", "--hold")

    def busy(self) -> str:
        """One in the middle of a turn that lasts longer than any test."""
        return self._start("--steps", "2", "--step-s", "300")

    def nested(self) -> tuple[str, str]:
        """One that holds nothing itself, whose tool call is another client; that one's hooks gave it a guard."""
        inner_words = (self.sandbox.leaky_client(), "--leak-mb", str(LEAK_MB), "--steps", "1", "--hold", "count")
        tool = f"exec {shlex.join(inner_words)}"
        launcher = self.sandbox.start("--steps", "1", "--leak-mb", "0", f"--tool={tool}", "--", "count")
        first, second = wait_until(self._two_with_clients, "two guards")
        inner, outer = (first, second) if self._kind(first) == "plain" else (second, first)
        self.launchers[outer] = launcher
        wait_until(lambda: self.size_bytes(inner) > LEAK_MB * MB, "the inner one is full")
        return outer, inner

    def _kind(self, guard: str) -> str:
        return read_pairs(str(self._folder(guard) / GUARD)).get("kind", "")

    def _two_with_clients(self) -> list[str]:
        guards = [path.name for path in self.sandbox.guards() if self.client_pid(path.name)]
        return guards if len(guards) == 2 else []

    def _start(self, *words: str) -> str:
        known = {path.name for path in self.sandbox.guards()}
        launcher = self.sandbox.start("--leak-mb", str(LEAK_MB), *words, "--", "count")
        (guard,) = wait_until(lambda: {path.name for path in self.sandbox.guards()} - known, "another guard")
        self.launchers[guard] = launcher
        wait_until(lambda: self.size_bytes(guard) > LEAK_MB * MB, f"{guard} is full")
        return guard

    def client_pid(self, guard: str) -> int:
        record = read_pairs(str(self._folder(guard) / "client"))
        return int(record.get("id", "0").split(":")[0])

    def size_bytes(self, guard: str) -> int:
        return current.read_tree(self.client_pid(guard)).footprint_bytes

    def total_bytes(self) -> int:
        return sum(self.size_bytes(guard) for guard in self.launchers)

    def published(self, guard: str) -> dict[str, str]:
        return read_pairs(str(self._folder(guard) / NEIGHBOUR))

    def restarted(self) -> list[str]:
        return [event["guard"] for event in self.sandbox.events("restart_initiated")]

    def victim(self) -> str:
        return read_pairs(str(self.sandbox.runtime / "memguard" / VICTIM)).get("guard", "none yet")

    def _folder(self, guard: str) -> Path:
        return self.sandbox.runtime / "memguard" / "guards" / guard

    def end(self) -> None:
        for launcher in self.launchers.values():
            launcher.terminate()
        for launcher in self.launchers.values():
            launcher.communicate(timeout=20)


@pytest.fixture
def sessions(opted_in: Sandbox) -> Iterator[Sessions]:
    sessions = Sessions(opted_in)
    yield sessions
    sessions.end()


def test_of_three_sessions_over_the_budget_exactly_one_is_restarted_the_idle_one(sessions: Sessions) -> None:
    sessions.sandbox.config(ROOM_FOR_TWO)
    busy = sessions.busy(), sessions.busy()
    before = [sessions.client_pid(guard) for guard in busy]
    idle = sessions.idle()
    wait_until(lambda: sessions.victim() == "", "the victim was restarted and has settled", 60)
    assert sessions.restarted() == [idle]
    assert [sessions.client_pid(guard) for guard in busy] == before
    assert sessions.total_bytes() < 620 * MB
    (restart,) = sessions.sandbox.events("restart_initiated")
    assert "the sessions of this host hold" in restart["reason"]
    (told,) = sessions.sandbox.events("memory_host_budget_exceeded")
    assert (told["victim"], told["sessions"]) == (idle, 3)


def test_where_one_is_not_enough_the_next_comes_after_the_first_has_settled(sessions: Sessions) -> None:
    sessions.sandbox.config(ROOM_FOR_ONE)
    guards = sessions.idle(), sessions.idle(), sessions.idle()
    wait_until(lambda: sessions.total_bytes() < 420 * MB, "all hold less than the budget", 90)
    wait_until(lambda: len(sessions.sandbox.events("restart_completed")) == len(sessions.restarted()), "all settled")
    assert len(set(sessions.restarted())) == len(sessions.restarted()) >= 2
    assert set(sessions.restarted()) < set(guards)
    _assert_one_at_a_time(sessions.sandbox.events())


def _assert_one_at_a_time(events: list[dict[str, Any]]) -> None:
    steps = [event for event in events if event["event"] in ("restart_initiated", "restart_completed")]
    steps.sort(key=lambda event: float(event["t_utc"]))
    for begun, done in zip(steps[::2], steps[1::2], strict=True):
        assert (begun["event"], done["event"]) == ("restart_initiated", "restart_completed")
        assert begun["guard"] == done["guard"]


def test_a_tool_that_holds_another_guarded_client_is_left_to_that_clients_own_guard(sessions: Sessions) -> None:
    """The tool call is far over its budget by what the inner session holds; so is the host, and nothing helps that."""
    sessions.sandbox.config(f'[tools]\ndefault = "150MB"\n{ROOM_FOR_NONE}')
    outer, inner = sessions.nested()
    before = sessions.client_pid(outer), sessions.client_pid(inner)
    told = wait_until(
        lambda: sessions.sandbox.events("memory_host_budget_exceeded"), "it is said that nobody helps", 60
    )
    assert (told[0]["victim"], told[0]["sessions"]) == ("", 2)
    assert told[0]["total_bytes"] < 2 * LEAK_MB * MB  # by the outer one's guard, the inner one would count again
    assert sessions.published(inner)["is_nested"] == "1"
    assert int(sessions.published(outer)["footprint_bytes"]) < LEAK_MB * MB
    assert (sessions.client_pid(outer), sessions.client_pid(inner)) == before
    assert sessions.size_bytes(inner) > LEAK_MB * MB
    assert sessions.restarted() == []
    assert sessions.sandbox.events("part_ended") == []


def test_in_observe_mode_nobody_is_chosen(sessions: Sessions) -> None:
    sessions.sandbox.config('mode = "observe"\n' + ROOM_FOR_ONE)
    for _ in range(2):
        sessions.idle()
    wait_until(lambda: sessions.sandbox.events("memory_host_budget_exceeded"), "it is said that nobody would help", 60)
    (told,) = sessions.sandbox.events("memory_host_budget_exceeded")
    assert told["victim"] == ""
    assert sessions.restarted() == []
