"""Ending what a client that is gone has left behind."""

from memguard.core.identity import ProcessId
from memguard.host.sweep import SweepResult, end_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.watchdog.loop import Watchdog

_GRACE_S = 2.0


def sweep(watchdog: "Watchdog") -> SweepResult:
    """End every process of the guarded session but what is bound to a terminal, the client and its launcher."""
    subject = watchdog.subject
    kept = [subject.client.pid] + ([watchdog.launcher.pid] if watchdog.launcher else [])
    ids = {*watchdog.session_ids(), *subject.lineage.session_ids}

    def survivors() -> list[ProcessId]:
        return subject.lineage.survivors(ids, exclude=kept)

    terminal = subject.lineage.client_terminal
    return end_all(survivors(), _GRACE_S, own_terminal=terminal, exclude=kept, find_more=survivors)
