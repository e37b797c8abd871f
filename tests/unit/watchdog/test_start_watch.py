"""What a client's start took is noted once, at the first calm moment after its first turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from memguard.core.reading import ProcessReading, TreeReading
from memguard.host import peak
from memguard.watchdog.start_ledger import StartLedger
from memguard.watchdog.start_watch import StartWatch
from memguard.watchdog.tool_call import ToolCall
from tests.guard_rig import GuardRig

MB = 1024 * 1024


class Case:
    """A client that has been resumed with 20 MB, and has ended its first turn."""

    def __init__(self, rig: GuardRig, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rig, self.session = rig, rig.session
        self.transcript = rig.folder / "t.jsonl"
        self.has(20 * MB, resumed=True)
        self.session.activity.turns_ended = 1
        self.session.subject.is_starting = False
        self.is_settled = True
        monkeypatch.setattr(type(self.session.subject.trend), "is_settled", lambda _: self.is_settled)
        client, tool = self.session.subject.client, 5000 * MB
        readings = [ProcessReading(client.pid, 1, 1, 250 * MB), ProcessReading(2, client.pid, 1, tool)]
        self.session.subject.reading = TreeReading(readings)
        self.watch = StartWatch(self.session)

    def has(self, transcript_bytes: int, resumed: bool) -> None:
        self.transcript.write_bytes(b"")
        with self.transcript.open("r+b") as file:
            file.truncate(transcript_bytes)
        self.session.activity.transcript = str(self.transcript)
        self.session.activity.resumed_bytes = transcript_bytes if resumed else 0

    def rows(self) -> list[tuple[int, int, int]]:
        return [start.as_row() for start in StartLedger(str(self.rig.project / "starts")).starts()]


@pytest.fixture
def case(rig: GuardRig, monkeypatch: pytest.MonkeyPatch) -> Case:
    return Case(rig, monkeypatch)


def test_it_notes_what_the_client_alone_held(case: Case) -> None:
    case.watch.look()
    ((transcript_bytes, peak_bytes, settled_bytes),) = case.rows()
    assert (transcript_bytes, settled_bytes) == (20 * MB, 250 * MB)
    assert peak_bytes >= settled_bytes
    case.watch.look()
    assert len(case.rows()) == 1


def test_it_waits_for_the_first_turn_and_for_calm(case: Case) -> None:
    activity = case.session.activity
    activity.turns_ended = 0
    case.watch.look()
    activity.turns_ended, activity.in_flight = 1, {"toolu_1": ToolCall("toolu_1", "Bash")}
    case.watch.look()
    activity.in_flight, case.is_settled = {}, False
    case.watch.look()
    case.is_settled, case.session.subject.is_starting = True, True
    case.watch.look()
    assert case.rows() == []
    case.session.subject.is_starting = False
    case.watch.look()
    assert len(case.rows()) == 1


def test_a_new_session_tells_what_a_client_holds_by_itself(case: Case) -> None:
    case.has(1000, resumed=False)
    case.watch.look()
    assert case.rows()[0][0] == 1000


@pytest.mark.parametrize(("transcript_mb", "resumed"), [(20, False), (4, True)])
def test_what_grew_here_and_what_says_little_is_not_noted(case: Case, transcript_mb: int, resumed: bool) -> None:
    case.has(transcript_mb * MB, resumed)
    case.watch.look()
    assert case.rows() == []


def test_a_folder_that_refuses_costs_the_note_alone(case: Case) -> None:
    (case.rig.project / "starts.lock").mkdir()
    case.watch.look()
    assert "a client's start was not noted" in case.rig.log()


def test_the_peak_is_the_kernels(tmp_path: Path) -> None:
    """Readings in between miss it. What was mapped from files is not in a footprint."""
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "status").write_text("Name:\tclaude\nVmHWM:\t  500000 kB\nRssFile:\t  90000 kB\n")
    assert peak.peak_bytes(7, str(tmp_path)) == 410_000 * 1024
    assert peak.peak_bytes(8, str(tmp_path)) == 0
