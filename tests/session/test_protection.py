"""Restart protection as the person meets it: `memguard restart` says why not, and how to go on; the launcher agrees."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox import Sandbox, wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

ONCE = "[restart_policy]\nmax_attempts = 1\ninitial_cooldown = 0\n"


@pytest.fixture
def session(opted_in: Sandbox) -> Iterator[subprocess.Popen[bytes]]:
    """One that waits for input, and may be restarted once."""
    opted_in.config(ONCE)
    session = opted_in.start("--steps", "1", "--leak-mb", "1", "--hold", "--", "count")
    wait_until(lambda: any(line["event"] == "Stop" for line in opted_in.spool()), "the turn is over")
    yield session
    session.terminate()
    session.communicate(timeout=30)


def _status(box: Sandbox) -> dict[str, Any]:
    ((status),) = json.loads(box.memguard("status", "--json").stdout)
    return dict(status)


def _restarted(box: Sandbox) -> None:
    first, done = box.client_pid(), len(box.events("restart_completed"))
    box.memguard("restart")
    wait_until(lambda: box.client_pid() not in (0, first), "another client")
    wait_until(lambda: len(box.events("restart_completed")) > done, "it has settled", 30)


def test_spent_restarts_are_refused_with_reason_and_way_out_and_the_person_can_begin_anew(
    opted_in: Sandbox, session: subprocess.Popen[bytes]
) -> None:
    _restarted(opted_in)
    found = _status(opted_in)["protection"]
    assert (found["settled"], found["breaker"], found["refusal"]) == (1, "closed", "spent")
    refused = opted_in.memguard("restart", code=1).stderr
    assert "1 restarts in 60 min, the limit is 1" in refused
    assert "memguard restart --reset-protection" in refused
    shown = opted_in.memguard("status").stdout
    assert "1 of 1, 1 of 12 on this host; not now: 1 restarts in 60 min, the limit is 1" in shown
    wait_until(lambda: _status(opted_in)["degradation"]["mode"] == "WARNING", "the watchdog looks more often")
    assert "mode       WARNING: looked at more often" in opted_in.memguard("status").stdout
    assert "count from 0 again" in opted_in.memguard("restart", "--reset-protection").stdout
    _restarted(opted_in)  # which takes the launcher, that counts as well
    assert session.poll() is None
    assert len(opted_in.events("restart_initiated")) == 2


def test_the_host_limit_is_refused_with_its_own_way_out(opted_in: Sandbox, session: subprocess.Popen[bytes]) -> None:
    assert session.poll() is None
    path = opted_in.state / "protection.json"
    _restarted(opted_in)
    record = json.loads(path.read_text())
    (own,) = record["attempts"]
    others = [{**own, "id": f"{number}", "guard": f"other-{number}"} for number in range(12)]
    (path.parent / "new").write_text(json.dumps({**record, "attempts": others}))
    (path.parent / "new").rename(path)  # the session's watchdog reads it meanwhile
    refused = opted_in.memguard("restart", code=1).stderr
    assert "12 restarts of all sessions of this host in 60 min, the limit is 12" in refused
    assert "--reset-protection host" in refused
    assert "still not allowed" in opted_in.memguard("restart", "--reset-protection").stdout
    opted_in.memguard("restart", "--reset-protection", "host")
    assert json.loads(path.read_text())["attempts"] == []


def test_a_record_that_cannot_be_written_is_an_error_that_says_so(
    opted_in: Sandbox, session: subprocess.Popen[bytes]
) -> None:
    assert session.poll() is None
    (opted_in.state / "protection.json").mkdir()
    assert "count as spent" in opted_in.memguard("restart", code=1).stderr
    assert "can't be written" in opted_in.memguard("restart", "--reset-protection", code=1).stderr
