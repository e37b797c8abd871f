"""What a watchdog does about the restart that the one before it died in."""

from memguard.core.layout import TICKET, remove
from memguard.core.ticket import read_ticket
from memguard.guard import ruleset
from memguard.watchdog.calls import drop_marks
from memguard.watchdog.guarded_session import GuardedSession
from memguard.watchdog.outcome import judge_attempt
from memguard.watchdog.restart import Restart

# A restart that a watchdog died in is taken over only while its attempt is fresh: what its steps may take, and this.
_TAKE_OVER_S = 60.0


def take_over(session: GuardedSession) -> None:
    """Finish, or withdraw, a restart that the watchdog before this one died in.

    A ticket for this very client with its attempt on record means that the snapshot was verified and SIGTERM was sent
    or about to be: it is carried on, since a client that is ending already must not end without its successor. Without
    a fresh attempt, nobody of ours wrote it.
    """
    path = f"{session.guard_dir}/{TICKET}"
    ticket = read_ticket(path)
    if ticket is None or ticket.client != session.subject.client or ticket.swept:
        return
    limits = session.settings.restart
    longest_s = _TAKE_OVER_S + limits.graceful_timeout_s + limits.force_kill_timeout_s
    if session.has_client() and session.protection().last_attempt_age_s() > longest_s:
        judge_attempt(session, success=False, why="the watchdog died in it")
        remove(path)
        drop_marks(session.guard_dir)
        return
    session.look()
    restart = Restart(session, ruleset.Decision(ruleset.RESTART, "taken over from a watchdog that died"))
    restart.resume(ticket)
