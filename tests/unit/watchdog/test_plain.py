"""What may be done with a client that no launcher started."""

from __future__ import annotations

import pytest

from memguard.core.identity import ProcessId
from memguard.host import owner as owners
from memguard.host.client_process import ClientProcess
from memguard.host.owner import Owner
from memguard.host.tmux import Pane
from memguard.watchdog import plain
from memguard.watchdog.plain import END, NEVER, PANE, SERVICE, WINDOW, Plan, plan_of


class Wanted:
    """The two settings that count here."""

    def __init__(self, respawn_in_tmux: bool = True, end_client: bool = False) -> None:
        self.respawn_in_tmux = respawn_in_tmux
        self.end_client = end_client


def _plan(
    monkeypatch: pytest.MonkeyPatch, owner: Owner, words: tuple[str, ...] = (), settings: Wanted | None = None
) -> Plan:
    client = ClientProcess(ProcessId(500, 1000, "boot", "1"))
    client.exe, client.words = "/opt/claude", ["claude", *words]
    monkeypatch.setattr(plain, "owner_of", lambda _: owner)
    return plan_of(client, settings or Wanted())  # type: ignore[arg-type]


def _in_pane(pane_pid: int = 500) -> Owner:
    pane = Pane(400, "/tmp/s", "%1")
    pane.pane_pid = pane_pid
    return Owner(owners.TMUX, pane)


def test_in_a_pane_it_is_started_again_there_or_beside_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _plan(monkeypatch, _in_pane()).way == PANE
    assert _plan(monkeypatch, _in_pane(450)).way == WINDOW
    facts = _plan(monkeypatch, _in_pane()).facts()
    assert (facts["restartable"], facts["why"], facts["lineage"]) == (1, "", "")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("-p", "hello"), "one turn"),
        (("--no-session-persistence",), "--no-session-persistence"),
        (("--unknown", "x"), "not a flag"),
        (("mcp", "serve"), "a command, not a session"),
        (("", ""), "not as it was started with"),
    ],
)
def test_a_command_line_may_stand_against_it(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], why: str) -> None:
    plan = _plan(monkeypatch, _in_pane(), words)
    assert plan.way == NEVER
    assert why in plan.why


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = _plan(monkeypatch, _in_pane(), settings=Wanted(respawn_in_tmux=False))
    assert (plan.way, plan.is_restartable) == (NEVER, False)
    assert "respawn_in_tmux" in plan.why


@pytest.mark.parametrize("kind", [owners.VSCODE, owners.SDK, owners.DESKTOP, owners.TERMINAL, owners.PROGRAM])
def test_elsewhere_it_is_ended_only_where_the_person_said_so(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    plan = _plan(monkeypatch, Owner(kind))
    assert (plan.way, plan.facts()["restartable"]) == (NEVER, 0)
    assert plan.why
    ended = _plan(monkeypatch, Owner(kind), settings=Wanted(end_client=True))
    assert (ended.way, ended.facts()["restartable"]) == (END, 0)
    assert "at the emergency limit it is ended" in str(ended.facts()["why"])


@pytest.mark.parametrize("kind", [owners.REMOTE, owners.BACKGROUND])
def test_some_are_never_ended_by_a_signal(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    assert _plan(monkeypatch, Owner(kind), settings=Wanted(end_client=True)).way == NEVER


def test_a_background_session_is_its_services_and_counted_by_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = _plan(monkeypatch, Owner(owners.BACKGROUND, job="74f334a0"), ("--bg-spare", "/tmp/x.sock"))
    assert (plan.way, plan.facts()["lineage"], plan.facts()["print"]) == (SERVICE, "job-74f334a0", 0)
