"""Ending what a client that is gone has left behind."""

from memguard.core.identity import ProcessId
from memguard.host import current
from memguard.host.sweep import SweepResult, end_all
from memguard.watchdog.guarded_session import GuardedSession

_GRACE_S = 2.0


def sweep(session: GuardedSession) -> SweepResult:
    """End every process of the guarded session but what is bound to a terminal, the client and its launcher."""
    subject = session.subject
    kept = [subject.client.pid] + ([session.launcher.pid] if session.launcher else [])
    # What the tools' environments say counts only where no hook has named the session.
    ids = set(session.session_ids()) or subject.lineage.session_ids

    def survivors() -> list[ProcessId]:
        return subject.lineage.survivors(ids, exclude=kept)

    terminal = subject.lineage.client_terminal
    if not terminal and session.launcher:
        terminal = current.terminal_number(session.launcher.pid)  # after a take-over: the client shared it
    return end_all(survivors(), _GRACE_S, own_terminal=terminal, exclude=kept, find_more=survivors)
