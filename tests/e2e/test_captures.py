"""With the real client: a snapshot after each turn, and before compaction, that holds what was said."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from memguard.core.layout import CAPTURE_WANTED, project_key
from memguard.state.keys import private_keys
from memguard.state.rebuild import rebuild
from memguard.state.store import Store

from .aftermath import command_line
from .api_stand_in import ApiStandIn, Script, bash, text
from .harness import processes_of, wait_until

if TYPE_CHECKING:
    from .guarded import Guarded
    from .terminal import Terminal

pytestmark = pytest.mark.e2e

CAPTURE = "memguard.state.capture"
NOTHING = {"type": "command", "command": sys.executable, "args": ["-I", "-S", "-c", "pass"]}


class Snapshots:
    """The project's snapshots, and what they hold."""

    def __init__(self, guarded: Guarded) -> None:
        self._guarded = guarded
        self._state = str(guarded.state)
        self.store = Store(self._state, project_key(str(guarded.project)))

    def wait_for_newest(self) -> str:
        """The newest, once no worker is left that a hook has started."""
        wait_until(lambda: not self._workers(), "end of the workers", 90, self._told)
        return self.store.ids()[0]

    def reason(self, snapshot_id: str) -> str:
        """Why it was taken."""
        return self.store.about(snapshot_id)["reason"]

    def _workers(self) -> list[int]:
        """A mark comes before its worker does, and goes when that one reads."""
        guard = self._guarded.guard()
        marks = [0 for _ in guard.glob(f"{CAPTURE_WANTED}-*")] if guard else []
        return marks + [pid for pid in processes_of(self._guarded.home) if CAPTURE in command_line(pid)]

    def _told(self) -> str:
        return str([self.store.about(name) for name in self.store.ids()])

    def held_by(self, snapshot_id: str) -> list[dict[str, Any]]:
        """The entries of the conversation in a snapshot."""
        keys, content = private_keys(self._state), io.BytesIO()
        rebuild(self.store, self.store.read(snapshot_id, keys), "main", content, keys)
        return [json.loads(line) for line in content.getvalue().splitlines()]


@pytest.fixture
def snapshots(guarded: Guarded) -> Snapshots:
    return Snapshots(guarded)


def _said(entries: list[dict[str, Any]]) -> list[str]:
    """What the model said, in order."""
    blocks = [block for entry in entries if entry["type"] == "assistant" for block in entry["message"]["content"]]
    return [block["text"] for block in blocks if block["type"] == "text"]


def _add_hook_that_does_nothing(guarded: Guarded) -> None:
    """Beside memguard's own at Stop: the client times both, in parallel."""
    path = guarded.project / ".claude" / "settings.local.json"
    settings = json.loads(path.read_text())
    settings["hooks"]["Stop"].append({"hooks": [NOTHING]})
    path.write_text(json.dumps(settings))


def _turn(terminal: Terminal, guarded: Guarded, prompt: str, answer: str) -> None:
    before = _stops(guarded)
    terminal.send(prompt)
    terminal.wait_for(answer)
    wait_until(lambda: _stops(guarded) > before, "Stop")
    wait_until(lambda: guarded.says(guarded.client_pid()) == "idle", "the turn's end")


def _stops(guarded: Guarded) -> int:
    """How often memguard's Stop hook has run."""
    spool = guarded.state / project_key(str(guarded.project)) / "spool"
    return sum(path.read_text().count('"event":"Stop"') for path in spool.glob("*.jsonl"))


def _hook_times(entries: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """What the client noted of each Stop, in ms: memguard's hook, and the one that does nothing."""
    summaries = [entry for entry in entries if entry.get("subtype") == "stop_hook_summary"]
    times = [{"stop.py" in hook["command"]: hook["durationMs"] for hook in entry["hookInfos"]} for entry in summaries]
    return [(each[True], each[False]) for each in times]


def test_each_turn_is_in_the_snapshot_taken_at_its_end(
    guarded: Guarded, api: ApiStandIn, snapshots: Snapshots, capsys: pytest.CaptureFixture[str]
) -> None:
    """Though the client writes a first turn down up to a second after its Stop hooks have gone."""
    answers = ["the first answer", "the second answer", "the third answer"]
    steps = [[[text(answers[0])]], [[bash("echo done")], [text(answers[1])]], [[text(answers[2])]]]
    api.reply = Script({f"question {number}": step for number, step in enumerate(steps)})
    _add_hook_that_does_nothing(guarded)
    with guarded.open() as terminal:
        guarded.ready(terminal)
        for number, answer in enumerate(answers):
            _turn(terminal, guarded, f"question {number}", answer)
            newest = snapshots.wait_for_newest()
            assert _said(snapshots.held_by(newest)) == answers[: number + 1]
            shown = guarded.memguard("snapshots", "show", "latest")
            assert f"question {number}" in shown
        status = guarded.status()
        assert status["snapshot"] == snapshots.store.ids()[0]
        assert 0 <= status["snapshot_age_s"] < 60
        assert f" s ago, {status['snapshot']}" in guarded.memguard("status")
        (path,) = guarded.home.transcripts()
        times = _hook_times([json.loads(line) for line in path.read_text().splitlines()])
    assert len(times) == 3
    with capsys.disabled():
        print("\nStop hooks, by the client's own clock: " + "; ".join(_compared(*pair) for pair in times))  # noqa: T201


def _compared(own_ms: int, nothing_ms: int) -> str:
    return f"{own_ms} ms, a Python that does nothing {nothing_ms} ms ({own_ms / max(1, nothing_ms):.1f} times)"


def test_what_a_compaction_sums_up_is_kept_word_for_word(
    guarded: Guarded, api: ApiStandIn, snapshots: Snapshots
) -> None:
    told = {"tell me": "the long story, word for word", "and then": "the end of it", "what now": "it goes on"}
    api.reply = Script({prompt: [[text(answer)]] for prompt, answer in told.items()})
    with guarded.open() as terminal:
        guarded.ready(terminal)
        for prompt in ("tell me", "and then"):
            _turn(terminal, guarded, prompt, told[prompt])
        snapshots.wait_for_newest()
        terminal.send("/compact")
        terminal.wait_for("Compacted")
        snapshots.wait_for_newest()
        (before_id,) = [name for name in snapshots.store.ids() if snapshots.reason(name) == "before compaction"]
        before = snapshots.held_by(before_id)
        _turn(terminal, guarded, "what now", told["what now"])
        after = snapshots.held_by(snapshots.wait_for_newest())
    assert _said(before)[:2] == ["the long story, word for word", "the end of it"]
    boundary = next(place for place, entry in enumerate(after) if entry.get("subtype") == "compact_boundary")
    assert _said(after[:boundary])[:2] == _said(before)[:2]
    assert _said(after[boundary:])[-1] == told["what now"]
