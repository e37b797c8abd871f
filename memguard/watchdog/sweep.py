"""Ending what a client that is gone has left behind."""

from memguard.core.identity import ProcessId
from memguard.host import current
from memguard.host.descendants import NEWBORN_S
from memguard.host.identity import identify
from memguard.host.sweep import SweepResult, end_all
from memguard.watchdog.guarded_session import GuardedSession

_GRACE_S = 2.0


def sweep(session: GuardedSession) -> SweepResult:
    """End every process of the guarded session but the client and its launcher.

    Spared is what `memguard reap` would ask about: bound to a terminal, part of another session, in use by others.
    """
    if session.relauncher and session.relauncher.has_started_next:
        return SweepResult()
    from memguard.host.session_life import SessionLife  # a watchdog at rest does without
    from memguard.host.session_rule import SessionRule

    subject = session.subject
    kept = [subject.client.pid] + ([session.launcher.pid] if session.launcher else [])
    # What the tools' environments say counts only where no hook has named the session.
    ids = set(session.session_ids()) or subject.lineage.session_ids

    def survivors(newborn_s: float = NEWBORN_S) -> list[ProcessId]:
        beyond = (identify(pid) for pid in session.containment.roots() if pid not in kept)
        return [*subject.lineage.survivors(ids, exclude=kept, newborn_s=newborn_s), *(who for who in beyond if who)]

    terminal = subject.lineage.client_terminal
    if not terminal and session.launcher:
        terminal = current.terminal_number(session.launcher.pid)  # after a take-over: the client shared it
    life = SessionLife(session.settings.runtime_dir, current.scan())
    life.ask_clients(session.activity.config_dir)
    rule = SessionRule(life, {*ids, subject.lineage.outer_id}, terminal)
    # Newborns are looked for once, when nobody else is left.
    result = end_all(survivors(newborn_s=0), _GRACE_S, exclude=kept, find_more=survivors, rule=rule)
    if result.remaining:  # forking faster than it is listed: a group can be ended as one
        session.containment.end_all([*kept, *(pid for pid, *_ in result.spared)])
    return result
