"""Two restarts of one session: the person's prompt is given once."""

from __future__ import annotations

import json

from tests.sandbox import Sandbox, wait_until


def _prompts(sandbox: Sandbox) -> int:
    (transcript,) = sandbox.home.glob(".claude/projects/*/*.jsonl")
    lines = map(json.loads, transcript.read_text().splitlines())
    return sum(line["type"] == "user" and line["message"]["content"] == "count" for line in lines)


def _restarted(sandbox: Sandbox) -> list[str]:
    """Ask for a restart, and give the next client's command line."""
    first = sandbox.client_pid()
    sandbox.memguard("restart")
    wait_until(lambda: sandbox.client_pid() not in (0, first), "another client", 40)
    pid = sandbox.client_pid()
    wait_until(lambda: any(line["client_pid"] == pid for line in sandbox.spool()), "its first hook")
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().decode().split("\0")


def test_a_prompt_is_not_given_again_at_the_second_restart(opted_in: Sandbox) -> None:
    opted_in.config("[restart_policy]\ninitial_cooldown = 1\nmax_cooldown = 1\n")
    session = opted_in.start("--steps", "1", "--leak-mb", "1", "--hold", "--", "count")
    wait_until(lambda: any(line["event"] == "Stop" for line in opted_in.spool()), "the turn is over")
    assert "count" not in _restarted(opted_in)
    wait_until(lambda: "0 of" not in opted_in.memguard("status").stdout, "the restart on record")
    wait_until(lambda: _is_allowed(opted_in), "the first one's client has settled, and the cool-down", 40)
    assert "count" not in _restarted(opted_in)
    assert _prompts(opted_in) == 1
    assert (opted_in.project / "steps.txt").read_text().split() == ["1"]
    session.terminate()
    session.communicate(timeout=20)


def _is_allowed(sandbox: Sandbox) -> bool:
    (session,) = json.loads(sandbox.memguard("status", "--json").stdout)
    return not session["protection"]["refusal"]
