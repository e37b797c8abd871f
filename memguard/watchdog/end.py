"""The end of a guarded session: nothing of it is left behind, neither processes nor live files."""

import os
import signal
import time

from memguard.core.layout import ENDED, client_record, read_pairs, remove
from memguard.host import signals
from memguard.watchdog.capture import capture, capture_arguments
from memguard.watchdog.sweep import sweep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.watchdog.loop import Watchdog

_CAPTURE_TIMEOUT_S = 10.0


def finish(watchdog: "Watchdog") -> None:
    """End what an irregular end left, then remove the guard.

    A client that ended by itself has dealt with its tools, and may have left some running on purpose. One that was
    killed, hung up on, or lost its launcher (and with it its terminal) can't have.
    """
    if watchdog.launcher and not watchdog.has_launcher() and watchdog.subject.is_alive():
        _end_client(watchdog)
    ended = read_pairs(f"{watchdog.guard_dir}/{ENDED}")
    is_regular = ended.get("by") == "0" and not ended.get("code", "-1").startswith("-")
    if watchdog.launcher and not is_regular:
        _capture(watchdog, "the client was killed")
        _sweep_and_note(watchdog)
    _remove_record(watchdog)
    _remove_folder(watchdog.guard_dir)


def _end_client(watchdog: "Watchdog") -> None:
    """A client without its launcher has no terminal to be used at: it is ended as a closed terminal ends it."""
    client, limits = watchdog.subject.client, watchdog.settings.restart
    watchdog.journal.event("launcher_lost", client=client.to_text(), session=watchdog.activity.session_id)
    _capture(watchdog, "the launcher was killed")
    signals.send(client, signal.SIGTERM)
    signals.send(client, signal.SIGCONT)
    if signals.wait_gone([client], limits.graceful_timeout_s):
        signals.send(client, signal.SIGKILL)
        signals.wait_gone([client], limits.force_kill_timeout_s)


def _capture(watchdog: "Watchdog", reason: str) -> None:
    """The last state of a conversation that nobody could end in order."""
    if not watchdog.activity.has_conversation():
        return
    deadline_s = time.monotonic() + _CAPTURE_TIMEOUT_S
    snapshot, error = capture(watchdog.settings.python, capture_arguments(watchdog, reason), lambda: deadline_s)
    if snapshot:
        watchdog.journal.event("state_captured", snapshot=snapshot)
    else:
        watchdog.journal.log(f"no last snapshot: {error}")


def _sweep_and_note(watchdog: "Watchdog") -> None:
    result = sweep(watchdog)
    names = [name for _, name, _ in result.ended]
    if names or result.spared:
        watchdog.journal.event("session_swept", ended=names, spared=[name for _, name in result.spared])


def _remove_record(watchdog: "Watchdog") -> None:
    path = client_record(watchdog.settings.runtime_dir, watchdog.subject.client.pid)
    if read_pairs(path).get("guard") == watchdog.guard_id:
        remove(path)


def _remove_folder(folder: str) -> None:
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in files:
            remove(f"{parent}/{name}")
        for name in folders:
            _remove_entry(f"{parent}/{name}")
    _remove_entry(folder)


def _remove_entry(path: str) -> None:
    try:
        os.unlink(path) if os.path.islink(path) else os.rmdir(path)
    except OSError:
        return  # something was added meanwhile: the next session's start finds it
