"""Whether a snapshot is what was sealed, all of it, and which one to take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memguard.state.choice import LATEST, Needs, choose
from memguard.state.verifier import Fault, Verifier

if TYPE_CHECKING:
    from memguard.state.envelope import KeySource
    from memguard.state.snapshot import Snapshot
    from memguard.state.store import Store

__all__ = ["Fault", "Verifier", "newest_good", "verify"]


def verify(store: Store, snapshot_id: str, keys: KeySource) -> list[Fault]:
    """Everything that is wrong with a snapshot; empty where it is good.

    Raises StateError where it is the key that can't be used (a passphrase, a key file that others can read).
    """
    return Verifier(store, keys).verify(snapshot_id)


def newest_good(
    store: Store, keys: KeySource, wanted: str = LATEST, session: str = "", needs: Needs = Needs.STREAMS
) -> tuple[Snapshot, list[Fault]]:
    """The snapshot that is meant, or the next older one of its session; and what was wrong with those passed over.

    Good enough is one that has what is needed. Raises StateError where none is; see `choose`, which says more.
    """
    choice = choose(store, keys, wanted, session, needs)
    return choice.snapshot, [fault for faults in choice.passed_over.values() for fault in faults]
