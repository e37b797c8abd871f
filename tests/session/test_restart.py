"""A guarded session with the leaky client: the cycle as a person sees it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.sandbox import Sandbox, wait_until

if TYPE_CHECKING:
    from pathlib import Path

# The leaky client idles at 7 MB and gains 40 MB a step.
TIGHT = "[thresholds]\nwarning = 90\ncritical = 120\nemergency = 2000\n[restart_policy]\nboundary_timeout = 1\n"
STEPS = ("--steps", "8", "--leak-mb", "40", "--step-s", "0.7")


def _steps(sandbox: Sandbox) -> list[int]:
    return [int(line) for line in (sandbox.project / "steps.txt").read_text().split()]


def _transcript(sandbox: Sandbox) -> Path:
    (path,) = sandbox.home.glob(".claude/projects/*/*.jsonl")
    return path


def _contexts(sandbox: Sandbox) -> list[str]:
    lines = map(json.loads, _transcript(sandbox).read_text().splitlines())
    return [line["context"] for line in lines if line["type"] == "attachment"]


def test_a_session_over_its_limit_is_restarted_and_its_turn_carried_on(opted_in: Sandbox) -> None:
    opted_in.config(TIGHT)
    session = opted_in.start(*STEPS, "count")
    output, _ = session.communicate(timeout=60)
    assert session.returncode == 0, output
    assert _steps(opted_in) == list(range(1, 9))
    (restart,) = opted_in.events("restart_initiated")
    assert restart["footprint_bytes"] >= 120 * 1024**2
    assert restart["snapshot"]
    shown = json.loads(opted_in.memguard("snapshots", "list", "--json").stdout)
    assert restart["snapshot"] in json.dumps(shown)
    opted_in.memguard("snapshots", "show", restart["snapshot"])


def test_the_next_client_reads_why_once_and_the_person_one_line(opted_in: Sandbox) -> None:
    opted_in.config(TIGHT)
    output, _ = opted_in.start(*STEPS, "count").communicate(timeout=60)
    digests = [context for context in _contexts(opted_in) if "which guards this session" in context]
    assert len(digests) == 1
    assert len(digests[0]) <= 10_000
    assert re.search(r"1[2-9]\d MB", digests[0])
    lines = [line for line in output.decode().splitlines() if "memguard restarted this session" in line]
    assert len(lines) == 1
    assert opted_in.events("restart_initiated")[0]["snapshot"] in lines[0]


def test_nothing_of_a_session_is_left_when_it_is_over(opted_in: Sandbox) -> None:
    opted_in.config(TIGHT)
    opted_in.start(*STEPS, "count").communicate(timeout=60)
    wait_until(lambda: not opted_in.pids(), "no process is left")
    assert opted_in.guards() == []
    assert list((opted_in.runtime / "memguard" / "clients").iterdir()) == []


def test_observe_mode_only_says_what_it_would_have_done(opted_in: Sandbox) -> None:
    opted_in.config(TIGHT)
    session = opted_in.start(*STEPS, "count", own=("--mode", "observe"))
    session.communicate(timeout=60)
    assert opted_in.events("restart_initiated") == []
    assert [event for event in opted_in.events("memory_threshold_exceeded") if event.get("would") == "restart"]
    assert _steps(opted_in) == list(range(1, 9))


def test_a_paused_project_is_watched_but_not_acted_in(opted_in: Sandbox) -> None:
    opted_in.config(TIGHT)
    opted_in.memguard("pause", "--for", "10m")
    opted_in.start(*STEPS, "count").communicate(timeout=60)
    assert opted_in.events("restart_initiated") == []
    assert opted_in.events("memory_threshold_exceeded")
    assert "acts again" in opted_in.memguard("continue").stdout
    assert "was not paused" in opted_in.memguard("continue").stdout


def test_a_restart_that_the_person_asks_for_happens_at_the_turn_boundary(opted_in: Sandbox) -> None:
    session = opted_in.start("--steps", "1", "--leak-mb", "1", "--hold", "--", "count")
    wait_until(lambda: any(line["event"] == "Stop" for line in opted_in.spool()), "the turn is over")
    first = opted_in.client_pid()
    opted_in.memguard("restart")
    wait_until(lambda: opted_in.client_pid() not in (0, first), "another client")
    wait_until(lambda: len(opted_in.spool()) > 6, "its hooks have run")
    (status,) = json.loads(opted_in.memguard("status", "--json").stdout)
    assert (status["restarts"], status["watchdog"], status["client_pid"]) == (1, True, opted_in.client_pid())
    assert _steps(opted_in) == [1]
    session.terminate()
    assert session.wait(20) == 143


def test_when_protection_says_no_watching_goes_on(opted_in: Sandbox) -> None:
    """With one attempt allowed, the second client may pass even the emergency limit: it is said, and that is all."""
    opted_in.config(TIGHT.replace("2000", "300") + "max_attempts = 1\n")
    session = opted_in.start("--steps", "12", "--leak-mb", "60", "--step-s", "0.7", "count")
    session.communicate(timeout=90)
    assert session.returncode == 0
    assert len(opted_in.events("restart_initiated")) == 1
    (refused,) = opted_in.events("restart_failed")
    assert refused["why"] == "1 restarts in 60 min, the limit is 1"
    assert _steps(opted_in) == list(range(1, 13))


def test_the_exit_code_and_the_output_are_the_clients(opted_in: Sandbox) -> None:
    session = opted_in.start("--steps", "no-number", "x")
    output, _ = session.communicate(timeout=30)
    assert session.returncode == 2
    assert b"invalid int value" in output
