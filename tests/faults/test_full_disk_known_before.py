"""A disk that is too full for a snapshot, before any is needed: an event, status, doctor, and the person told once."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator

import pytest

from memguard.gate.health_note import HealthNote
from memguard.host.health import read_disk
from memguard.watchdog import health
from tests.guard_rig import GuardRig
from tests.own_guard import own_guard
from tests.sandbox import Sandbox, wait_until

NARROW = '[health]\ninterval = 1\ndisk_free = 3\n[monitoring]\nnormal_interval = "0.5"\nwarning_interval = "0.4"\n'
NARROW += 'critical_interval = "0.3"\nemergency_interval = "0.2"\n'


@pytest.fixture
def on_small_disk(sandbox: Sandbox) -> Iterator[Sandbox]:
    """The state folder on a real file system of 8 MB."""
    sandbox.state.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "memguard-test", str(sandbox.state)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not permitted here")
    try:
        sandbox.config(NARROW)
        sandbox.memguard("init")
        yield sandbox
    finally:
        sandbox.clean_up()
        subprocess.run(["umount", "--lazy", str(sandbox.state)], check=True)


def test_a_session_says_so_and_says_when_there_is_room_again(on_small_disk: Sandbox) -> None:
    box = on_small_disk
    session = box.start("--steps", "400", "--leak-mb", "0", "--step-s", "0.3")
    wait_until(box.client_pid, "the client")
    wait_until(lambda: box.events("monitoring_started"), "the watchdog", 20)
    assert box.events("health_warning") == []
    filler = box.state / "filler"
    filler.write_bytes(b"x" * 6_000_000)
    (warning,) = wait_until(lambda: box.events("health_warning"), "the warning", 20)
    assert warning["of"] == "snapshots"
    assert "free for snapshots (limit 3 MB)" in warning["what"]
    status = wait_until(
        lambda: [line for line in box.memguard("status").stdout.splitlines() if "  health  " in line], "status", 10
    )
    assert "free for snapshots (limit 3 MB)" in status[0]
    doctor = subprocess.run(
        box.command("doctor"), cwd=box.project, env=box.environment, capture_output=True, check=False
    )
    assert b"warn  health" in doctor.stdout
    filler.unlink()
    wait_until(lambda: box.events("health_recovered"), "the end of the warning", 20)
    assert json.loads(box.memguard("status", "--json").stdout)[0]["health"] == []
    session.terminate()
    session.wait(20)
    assert len(box.events("health_warning")) == 1


def test_person_and_model_read_it_once_at_the_next_event(make_rig: Callable[..., GuardRig], opted_in: Sandbox) -> None:
    rig = make_rig(health_interval_s="0", disk_free_bytes=10**18)
    for _ in range(2):
        rig.look()
        rig.session.health.look()
    assert len(rig.notes()) == 3, "one for each file system, however often it is looked at"
    with own_guard(opted_in) as guard:
        (rig.guard / "notes").rename(guard / "notes")
        event = json.dumps({"session_id": "11111111-2222-3333-4444-555555555555"}).encode()
        answers = [json.loads(opted_in.hook("user_prompt_submit", event).stdout or b"{}") for _ in range(2)]
    assert answers[1] == {}
    line, text = answers[0]["systemMessage"], answers[0]["hookSpecificOutput"]["additionalContext"]
    assert line.count("free for") == text.count("free for") == 3
    assert "free for snapshots (limit" in line
    assert f"({rig.state}); snapshots are refused when it is full" in line
    assert "memguard: of this host: " in text


def _event(name: str, rig: GuardRig) -> list[str]:
    return [event["of"] for event in rig.events(name)]


def test_a_file_system_that_hangs_is_named_and_the_watching_goes_on(
    make_rig: Callable[..., GuardRig], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, asked = threading.Event(), []

    def hanging(what: str, path: str) -> object:
        asked.append(what)
        if what == health.PROJECT:
            answer.wait(60)
        return read_disk(what, path)

    monkeypatch.setattr(health, "read_disk", hanging)
    rig = make_rig(health_interval_s="0", disk_free_bytes=1)
    for _ in range(3):
        rig.look()
        rig.session.health.look()
    assert _event("health_warning", rig) == ["the project"]
    assert asked.count(health.PROJECT) == 1, "a call that hangs is not made a second time"
    answer.set()

    def is_well() -> bool:
        rig.session.health.look()
        return bool(_event("health_recovered", rig))

    wait_until(is_well, "its answer")


@pytest.mark.parametrize("pairs", [{}, {"of": "snapshots"}, {"what": "x"}])
def test_a_torn_note_is_none(pairs: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="not a warning"):
        HealthNote(pairs)


def test_what_stands_in_a_note_cannot_act_on_a_terminal() -> None:
    note = HealthNote({"of": "snap\x1b[2J", "what": "a\nb" * 200, "path": "\x07"})
    assert note.line().isprintable()
    assert note.text().isprintable()
