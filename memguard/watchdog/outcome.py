"""How a restart ended, for the record that protection goes by."""

import time

from memguard.core.log import described
from memguard.watchdog.calls import drop_marks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.watchdog.guarded_session import GuardedSession


def judge_attempt(session: "GuardedSession", *, success: bool, why: str) -> None:
    """Say how the attempt under way ended; nothing where none is.

    Where that can't be written it counts as failed in the end: one without an outcome never closes a breaker.
    """
    try:
        session.protection().judge_attempt(success, why)
    except OSError as error:
        session.journal.log(f"outcome of a restart not recorded: {described(error)}")


def judge_unticketed(session: "GuardedSession") -> None:
    """The watchdog before this one may have died between an attempt's record and its ticket: nothing was signalled.

    The attempt was for this client where the client is the older one; else the client is what it brought. The service's
    next client may come from a process that it kept in reserve, whose age tells nothing: for a job, time has to do.
    """
    pending_s = session.pending_age_s()
    if pending_s < 0 or session.facts.get("lineage") or not session.has_client():
        return
    from memguard.host.started import started_utc  # a watchdog at rest does without

    if time.time() - started_utc(session.subject.client.start_ticks) > pending_s:
        judge_attempt(session, success=False, why="the watchdog died before it was carried out")
        drop_marks(session.guard_dir)
