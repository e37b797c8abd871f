"""Stopping processes where they stand, so that they can be looked at before anything is decided."""

import time

from memguard.core.light_signal import signal
from memguard.host import signals
from memguard.host.identity import is_alive
from memguard.host.run_state import is_still

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from memguard.core.identity import ProcessId

# A process that was just stopped may have a child that no list showed yet. One that forks as fast as it is listed
# needs a few rounds; what is not held after so many is said not to be.
_MOST_ROUNDS = 40
_STOPPED_WITHIN_S = 0.05
_LOOK_INTERVAL_S = 0.001
_STOP = getattr(signal, "SIGSTOP", 0)
_CONTINUE = getattr(signal, "SIGCONT", 0)


def freeze(
    find: "Callable[[], list[ProcessId]]", record: "Callable[[list[ProcessId]], None]"
) -> "tuple[list[ProcessId], bool]":
    """Stop all that `find` gives, again until it gives nobody new; those stopped, and whether that is all of them.

    `record` is told of each before it is stopped: whoever comes after a death of ours must know whom to thaw. Where
    it, or `find`, fails, nobody is left stopped.
    """
    held: list[ProcessId] = []
    refused: set[ProcessId] = set()
    try:
        for _ in range(_MOST_ROUNDS if _STOP else 0):
            known = refused.union(held)
            new = [who for who in find() if who not in known]
            if not new:
                return held, not refused
            record(new)
            _stop(new, held, refused)
    except BaseException:
        thaw(held)
        raise
    return held, False


def _stop(targets: "list[ProcessId]", held: "list[ProcessId]", refused: "set[ProcessId]") -> None:
    """Who lives on unsignalled is refused: another user's. Who is gone may have left somebody to be found yet."""
    stopped = []
    with signals.Batch():
        for who in targets:
            if signals.send(who, _STOP):
                held.append(who)
                stopped.append(who)
            elif is_alive(who):
                refused.add(who)
    _await_stop(stopped)


def thaw(held: "list[ProcessId]") -> None:
    """Let them go on; those that are gone, or are not the same any more, are left alone."""
    with signals.Batch():
        for who in held:
            signals.send(who, _CONTINUE)


def _await_stop(targets: "list[ProcessId]") -> None:
    """Until each has really stopped: on another core it may be in the middle of a fork."""
    deadline_s = time.monotonic() + _STOPPED_WITHIN_S
    while time.monotonic() < deadline_s and not all(is_still(who.pid) for who in targets):
        time.sleep(_LOOK_INTERVAL_S)
