"""The capture worker: one snapshot, opened again before it counts.

    python -I -m memguard.state.capture --state S --project-key K --reason R --session ID --transcript PATH --cwd PATH
                                        --client PROCESSID [--guard DIR --handoff TICKET] [--wanted MARK]
                                        [--timings 1]

The last line of stdout is the snapshot's id, exit 0; otherwise one line on stderr, exit 1. A restart waits for this, so
heavy modules are imported where they are needed, and reading, sealing and asking git go on at the same time.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time

from memguard import __version__
from memguard.core.errors import MemguardError
from memguard.core.layout import COMPILED, HANDOFF, PROTECTION, private_dir, project_dir
from memguard.core.log import printable
from memguard.state.request import CaptureRequest, parse_request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from memguard.logs.logger import Logger
    from memguard.state.compiled import SnapshotSettings
    from memguard.state.cursor import Terms
    from memguard.state.draft import Draft
    from memguard.state.gather import Gathering
    from memguard.state.snapshot import Snapshot
    from memguard.state.store import Store
    from memguard.state.streams import Streams

# One thread redacts, another seals. With the default of 5 ms the second waits for the first: 0.65 s for 30 MB on two
# busy cores, 0.45 s with this.
_SWITCH_INTERVAL_S = 0.0005


class Timings:
    """Where the time goes: seconds by step, in order."""

    def __init__(self) -> None:
        self.steps: dict[str, float] = {}
        self._last_s = time.perf_counter()

    def step(self, name: str) -> None:
        """End the step that was going on."""
        now_s = time.perf_counter()
        self.steps[name] = round(now_s - self._last_s, 4)
        self._last_s = now_s


def main(argv: Sequence[str]) -> int:
    """Take one snapshot and print its id; 0, or 1 with one line on stderr."""
    timings = Timings()
    try:
        request = parse_request(argv)
        snapshot_id = capture(request, timings)
    except MemguardError as error:
        return _failed(argv, f"{error.what}; {error.next_step}")
    except Exception as error:  # noqa: BLE001  a worker's defect is one line, too
        return _failed(argv, f"a defect in memguard: {type(error).__name__}: {error}")
    if request.is_timed:
        sys.stderr.write(json.dumps(timings.steps) + "\n")
    sys.stdout.write(f"{snapshot_id}\n")
    return 0


def _failed(argv: Sequence[str], why: str) -> int:
    line = printable(why, 400)
    sys.stderr.write(f"no snapshot: {line}\n")
    state = next((value for name, value in itertools.pairwise(argv) if name == "--state"), "")
    if os.path.isabs(state):
        key = next((value for name, value in itertools.pairwise(argv) if name == "--project-key"), "")
        _logger(state, key).error("capture: %s", line)
    return 1


def _logger(state_dir: str, key: str) -> Logger:
    from memguard.logs.logger import logger_of  # rarely needed: importing `logging` takes 20 ms

    return logger_of(state_dir, f"{project_dir(state_dir, key)}/{COMPILED}" if key else "")


def capture(request: CaptureRequest, timings: Timings | None = None) -> str:
    """Take one snapshot, and leave the handoff's note where one is asked for; the snapshot's id.

    Raises MemguardError, with the store as it was. A transcript that can't be read is said in the snapshot.
    """
    timings = timings or Timings()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    from memguard.state.turn_end import TurnEnd

    turn_end = TurnEnd(request)
    turn_end.wait()  # before what is heavy is imported: who waits is to hold little
    from memguard.state import keys
    from memguard.state.compiled import snapshot_settings
    from memguard.state.gather import Gathering
    from memguard.state.store import Store

    store = Store(request.state_dir, request.project_key)
    settings = snapshot_settings(store.project_dir)
    _prepare_rules(request, settings)
    gathering = Gathering(request, settings.privacy)
    public_key = keys.public_key(request.state_dir)
    timings.step("imports and key")
    with store.draft(public_key, request.session_id) as draft:
        timings.step("lock")
        turn_end.take()
        snapshot = _write(draft, request, gathering, settings, timings)
        _clear_up(store, settings, request, draft.id)
    timings.step("retention")
    if request.ticket:
        _leave_note(request, snapshot)
        timings.step("handoff note")
    return snapshot["id"]


def _prepare_rules(request: CaptureRequest, settings: SnapshotSettings) -> None:
    """A library's rules take 0.4 s to load: in a thread, while the rest begins. What is exact needs none."""
    from memguard.state.compiled import EXACT
    from memguard.state.redact import prepare

    if settings.privacy != EXACT and settings.uses_library:
        prepare(request.state_dir)


def _unsearched(request: CaptureRequest, settings: SnapshotSettings) -> list[str]:
    """What the library's rules were not applied to, and why; once all is redacted."""
    from memguard.state.compiled import EXACT
    from memguard.state.redact import trouble

    why = trouble() if settings.privacy != EXACT and settings.uses_library else ""
    if not why:
        return []
    _logger(request.state_dir, request.project_key).warning("capture: secret rules: %s", why)
    return [f"the library's search for secrets: {why}"]


def _write(
    draft: Draft, request: CaptureRequest, gathering: Gathering, settings: SnapshotSettings, timings: Timings
) -> Snapshot:
    from memguard.state.streams import Streams
    from memguard.state.transcript import config_dir

    environment = gathering.environment or dict(os.environ)
    streams = Streams(draft, _terms(draft, settings.privacy), config_dir(environment))
    streams.capture(request.transcript)
    timings.step("transcript")
    missing = gathering.wait()
    timings.step("waiting for git")
    snapshot = _record(draft.id, request, gathering, streams)
    snapshot["privacy"] = settings.privacy
    snapshot["missing"] = [*streams.missing, *missing, *_unsearched(request, settings)]
    draft.commit(snapshot)
    _save(streams, request)
    timings.step("manifest and rename")
    return snapshot


def _terms(draft: Draft, privacy: str) -> Terms:
    from memguard.state.compiled import EXACT
    from memguard.state.cursor import Terms
    from memguard.state.envelope import fingerprint

    if privacy == EXACT:
        return Terms(privacy, "none", fingerprint(draft.public_key))
    from memguard.state.redact import rules_id

    return Terms(privacy, rules_id(), fingerprint(draft.public_key))


def _save(streams: Streams, request: CaptureRequest) -> None:
    """The snapshot is in place: without a cursor the next capture begins afresh, or where this one began."""
    try:
        streams.save_cursors()
    except OSError as error:
        _logger(request.state_dir, request.project_key).warning("capture: no cursor: %s", error.strerror)


def _clear_up(store: Store, settings: SnapshotSettings, request: CaptureRequest, taken: str) -> None:
    """The snapshot is in place, whatever becomes of the old ones."""
    from memguard.state import files
    from memguard.state.retention import prune, prune_spools

    try:
        with files.told(store.folder):
            prune(store, settings, request.session_id, taken=taken)
            prune_spools(store.project_dir, settings.retention_days)
    except files.FileError as error:
        _logger(request.state_dir, request.project_key).warning("capture: old snapshots stay: %s", error.what)


def _record(snapshot_id: str, request: CaptureRequest, gathering: Gathering, streams: Streams) -> Snapshot:
    from memguard.state.snapshot import VERSION, earlier_attempts

    guard = os.path.basename(request.guard_dir)
    protection = os.path.join(request.state_dir, PROTECTION)
    return {
        "version": VERSION,
        "id": snapshot_id,
        "t_utc": round(time.time(), 3),
        "memguard_version": __version__,
        "project_key": request.project_key,
        "session_id": request.session_id,
        "conversation": streams.conversation,
        "process": gathering.process,
        "project": gathering.project,
        "restart": {
            "reason": request.reason,
            "guard": guard,
            "ticket": request.ticket,
            "attempts": earlier_attempts(protection, guard),
        },
        "privacy": "",
        "transcripts": streams.parts,
        "missing": [],
    }


def _leave_note(request: CaptureRequest, snapshot: Snapshot) -> None:
    """What the next session is to read of the record: everything but the environment and the names of segments.

    The snapshot counts without it: a handoff that finds no note is made of the watchdog's facts alone.
    """
    from memguard.state.note import write_note
    from memguard.state.snapshot import to_json, without_segments

    content = to_json(without_segments(snapshot))
    try:
        folder = private_dir(f"{request.guard_dir}/{HANDOFF}")
        path = f"{folder}/{request.ticket}"
        write_note(f"{path}.sealed", f"{path}.key", content, request.ticket.encode())
    except OSError as error:
        _logger(request.state_dir, request.project_key).error(
            "capture %s: no handoff note: %s", snapshot["id"], error.strerror
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
