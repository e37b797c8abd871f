"""Which snapshot to give back: the one that is meant, or the next older one of its session that has what is needed.

What is needed are the record and some of its streams. The plain files of a snapshot are not: what is wrong with them is
only said. None of another session is ever taken instead.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from memguard.core.errors import StateError
from memguard.state import files
from memguard.state.about import MANIFEST, NOT_THERE, is_replaced, main_of
from memguard.state.holding import holding
from memguard.state.segment import NO_SESSION
from memguard.state.verifier import Fault, Verifier

if TYPE_CHECKING:
    from memguard.state.envelope import KeySource
    from memguard.state.snapshot import Snapshot
    from memguard.state.store import Store

LATEST = "latest"


class Needs(Enum):
    """What has to open: the record; and the conversation, which has to hold something; and its sub-agents'."""

    RECORD = 0
    CONVERSATION = 1
    STREAMS = 2


class Fuller(NamedTuple):
    """An older snapshot with what the file of the conversation had before it became shorter, or was rewritten."""

    id: str
    size_bytes: int


class Choice(NamedTuple):
    """`passed_over` says by id why newer ones were not taken; `plain` what is wrong that does not matter here."""

    snapshot: Snapshot
    passed_over: dict[str, list[Fault]]
    plain: list[Fault]
    fuller: Fuller | None


def choose(
    store: Store, keys: KeySource, wanted: str = LATEST, session: str = "", needs: Needs = Needs.STREAMS
) -> Choice:
    """The one that `wanted` means (of `session`, where that is given), or the newest before it that is good enough.

    Raises StateError where none is, and where it can't be known of which session the wanted one is.
    """
    search = _Search(store, keys, needs)
    choice = search.find(wanted, session)
    if choice is None and search.were_removed:
        search = _Search(store, keys, needs)  # there is a newer one then
        choice = search.find(wanted, session)
    if choice is None:
        raise StateError(search.why_none(), "see `memguard snapshots verify`, and what each holds by `list`")
    return choice


class _Search:
    """One look through the store."""

    def __init__(self, store: Store, keys: KeySource, needs: Needs) -> None:
        self.were_removed = False
        self._store = store
        self._verifier = Verifier(store, keys)
        self._needs = needs
        self._passed_over: dict[str, list[Fault]] = {}

    def find(self, wanted: str, session: str) -> Choice | None:
        """From the wanted one on, newest first; None where none is good enough."""
        ids = self._store.ids()
        first = ids[0] if wanted == LATEST and ids else self._store.find(wanted)
        of_session = session or self._session_of(first)
        ids = [snapshot_id for snapshot_id in self._store.ids() if snapshot_id <= first]
        for place, snapshot_id in enumerate(ids if of_session is not None else []):
            snapshot = self._taken(snapshot_id, of_session)
            if snapshot:
                fuller = self._fuller(snapshot, ids[place + 1 :])
                return Choice(snapshot, self._passed_over, self._verifier.plain(snapshot), fuller)
        return None

    def why_none(self) -> str:
        """For whoever gets none."""
        for faults in self._passed_over.values():
            return f"no snapshot is good: {faults[0].what} ({files.shown(faults[0].path)})"
        return "the snapshot was removed just now" if self.were_removed else "there is no such snapshot"

    def _session_of(self, snapshot_id: str) -> str | None:
        """None where the snapshot is gone. StateError where neither record nor plain files say it."""
        found = self._verifier.open(snapshot_id)
        session = self._plain_session(snapshot_id) if isinstance(found, Fault) else found["session_id"]
        if isinstance(found, Fault) and not self._store.has(snapshot_id):
            self.were_removed = True
            return None
        if session is None:
            what = found.what if isinstance(found, Fault) else ""
            raise StateError(
                f"it can't be known of which session the snapshot {snapshot_id} is: {what}",
                "name one with --session; `memguard snapshots list --json` shows them",
            )
        return session

    def _plain_session(self, snapshot_id: str) -> str | None:
        """What the plain files say where the record can't be had; None where they say nothing, or not the same."""
        said = {name for name in [self._store.about(snapshot_id).get("session")] if name is not None}
        try:
            needs = self._store.needs(snapshot_id)
        except (OSError, ValueError):
            needs = []
        said |= {"" if need.session == NO_SESSION else need.session for need in needs}
        return said.pop() if len(said) == 1 else None

    def _taken(self, snapshot_id: str, session: str | None) -> Snapshot | None:
        """The snapshot where it is of the session and good enough; else it is noted why not."""
        found = self._verifier.open(snapshot_id)
        if isinstance(found, Fault):
            its_session, faults = self._plain_session(snapshot_id), [found]
        else:
            its_session = found["session_id"]
            faults = self._lacking(found, self._needs) if its_session == session else []
        if its_session not in (session, None):
            return None
        if not isinstance(found, Fault) and not faults:
            return found
        if self._store.has(snapshot_id):
            self._passed_over[snapshot_id] = faults
        else:
            self.were_removed = True
        return None

    def _lacking(self, snapshot: Snapshot, needs: Needs) -> list[Fault]:
        """What is not there of what is needed, or does not open."""
        if needs is Needs.RECORD:
            return []
        main = main_of(snapshot)
        if main is None or not main["segments"]:
            return [Fault(self._store.path(snapshot["id"], MANIFEST), _why_nothing(snapshot))]
        is_all = needs is Needs.STREAMS
        parts = [part for part in snapshot["transcripts"] if part is main or (is_all and part["is_sealed"])]
        return self._verifier.sealed(snapshot, parts)

    def _fuller(self, snapshot: Snapshot, older: list[str]) -> Fuller | None:
        """The one that holds most, where that is more, or where the file was replaced just before this snapshot."""
        main = main_of(snapshot)
        least_bytes = main["size_bytes"] if main and not is_replaced(main) else 0
        held = {snapshot_id: holding(self._store, snapshot_id) for snapshot_id in older}
        for snapshot_id in sorted(older, key=lambda name: held[name].main_bytes, reverse=True):
            if held[snapshot_id].main_bytes <= least_bytes:
                break
            if held[snapshot_id].session == snapshot["session_id"] and (size := self._opened_bytes(snapshot_id)):
                return Fuller(snapshot_id, size)
        return None

    def _opened_bytes(self, snapshot_id: str) -> int:
        """The length of the conversation that it holds, where all of that opens; else 0."""
        found = self._verifier.open(snapshot_id)
        if isinstance(found, Fault) or self._lacking(found, Needs.CONVERSATION):
            return 0
        main = main_of(found)
        return main["size_bytes"] if main else 0


def _why_nothing(snapshot: Snapshot) -> str:
    main = main_of(snapshot)
    if main:
        why = f": {main['begun']}" if is_replaced(main) else ""
        return f"the conversation that it holds is empty{why}"
    whys = [missing.removeprefix(NOT_THERE) for missing in snapshot["missing"] if missing.startswith(NOT_THERE)]
    return f"it holds no conversation{':' if whys else ''}{''.join(whys[:1])}"
