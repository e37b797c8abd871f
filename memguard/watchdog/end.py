"""The end of a guarded session: nothing of it is left behind, neither processes nor live files."""

import time

from memguard.core.layout import ENDED, client_record, read_pairs, remove
from memguard.core.light_signal import signal
from memguard.host import signals
from memguard.host.dead_guards import remove_folder, retire
from memguard.watchdog.capture import capture
from memguard.watchdog.guarded_session import GuardedSession
from memguard.watchdog.outcome import judge_attempt
from memguard.watchdog.sweep import sweep

_CAPTURE_TIMEOUT_S = 10.0


def finish(session: GuardedSession) -> None:
    """End what an irregular end left, then remove the guard.

    A client that ended by itself has dealt with its tools, and may have left some running on purpose. One that was
    killed, hung up on, or lost its launcher (and with it its terminal) can't have.
    """
    if session.generation < 0:
        session.containment.remove()
        remove_folder(session.guard_dir)  # the launcher never came to start a client
        return
    if session.launcher and not session.has_launcher() and session.has_client():
        _end_client(session)
    elif session.launcher and not _is_regular(session):
        _capture(session, "the client was killed")
    if session.launcher and not _is_regular(session):
        _sweep_and_note(session)
    if not _is_followed(session):
        # Of a restart whose client never settled: by itself it ended, as `claude -p` does soon, or not.
        judge_attempt(session, success=_is_regular(session), why="the session was over before its client had settled")
    session.containment.disarm()
    session.containment.remove()
    _remove_record(session)
    runtime_dir = session.settings.runtime_dir
    retire(runtime_dir, session.guard_dir)
    _forget_sessions(runtime_dir)


def _forget_sessions(runtime_dir: str) -> None:
    """What has left nothing is forgotten now, so that no session's start has to scan the host for it."""
    from memguard.host.orphans import Orphans, may_have_left  # a watchdog at rest does without

    if may_have_left(runtime_dir):
        Orphans(runtime_dir).forget_sessions()


def _is_regular(session: GuardedSession) -> bool:
    """Whether the launcher lived to say that the last client ended by itself, and of its own accord."""
    ended = read_pairs(f"{session.guard_dir}/{ENDED}")
    return ended.get("by") == "0" and not ended.get("code", "-1").startswith("-")


def _is_followed(session: GuardedSession) -> bool:
    """Whether its restart brought a client with a guard of its own, which says how that turned out."""
    return bool(session.relauncher and session.relauncher.has_started_next and session.restarted_with)


def _end_client(session: GuardedSession) -> None:
    """A client without its launcher has no terminal to be used at: it is ended as a closed terminal ends it."""
    client, limits = session.subject.client, session.settings.restart
    session.journal.event("launcher_lost", client=client.to_text(), session=session.activity.session_id)
    _capture(session, "the launcher was killed")
    signals.send(client, signal.SIGTERM)
    signals.send(client, signal.SIGCONT)
    if signals.wait_gone([client], limits.graceful_timeout_s):
        signals.send(client, signal.SIGKILL)
        signals.wait_gone([client], limits.force_kill_timeout_s)


def _capture(session: GuardedSession, reason: str) -> None:
    """The last state of a conversation that nobody could end in order."""
    if not session.activity.has_conversation():
        return
    deadline_s = time.monotonic() + _CAPTURE_TIMEOUT_S
    snapshot, error = capture(session, reason, lambda: deadline_s)
    if snapshot:
        session.journal.event("state_captured", snapshot=snapshot)
    else:
        session.journal.log(f"no last snapshot: {error}")


def _sweep_and_note(session: GuardedSession) -> None:
    result = sweep(session)
    names = [name for _, name, _ in result.ended]
    if names or result.spared:
        session.journal.event("session_swept", ended=names, spared=[name for _, name, _ in result.spared])


def _remove_record(session: GuardedSession) -> None:
    path = client_record(session.settings.runtime_dir, session.subject.client.pid)
    if read_pairs(path).get("guard") == session.guard_id:
        remove(path)
