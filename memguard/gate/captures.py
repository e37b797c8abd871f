"""A hook that wants its session captured: it starts a worker that outlives it, unless one is about to read anyway.

What the hook itself does costs little more than two forks; the rest happens in the worker's own process, before and
after it becomes the worker.
"""

import os

from memguard.core.capture_mark import NO_TURN, claim, name_worker
from memguard.core.errors import HostError
from memguard.core.layout import CAPTURE_WANTED, SESSIONS, read_pairs
from memguard.core.spawn import capture_command, hook_environment, start_detached
from memguard.gate import Event, log
from memguard.host import identity

# core.thresholds.EMERGENCY, spelled out, as in `gate`.
_EMERGENCY = "EMERGENCY"
# A third of what the client gets of a busy core. Not less: the capture before an action waits while a worker has the
# store.
_NICE = 5


def capture_turn(event: Event) -> None:
    """At the end of a turn. The client writes the turn's last lines down after this hook: the worker waits for them."""
    _capture(event, "end of turn", is_turn=True)


def capture(event: Event, reason: str) -> None:
    """At any other event."""
    _capture(event, reason, is_turn=False)


def _capture(event: Event, reason: str, is_turn: bool) -> None:
    """What goes wrong is said in the log, and costs the event nothing else."""
    if not event.session or _is_watchdogs(event):
        return
    try:
        record = _record(event)
        turn_bytes = _size(record.get("transcript", "")) if is_turn else NO_TURN
        mark, path = _mark(event, turn_bytes)
        if mark >= 0 or not path:
            _start(event, reason, record, mark, path)
    except OSError as error:
        log(event, f"no capture: {error}")


def _is_watchdogs(event: Event) -> bool:
    """Whether the watchdog, which takes its own first, is about to act: another worker only takes memory then."""
    if event.state != _EMERGENCY or not event.watched:
        return False
    from memguard.core.settings import thresholds_of
    from memguard.gate.outlook import obstacle
    from memguard.host import confirm, current

    if obstacle(event):
        return False
    confirmed_bytes = confirm.confirmed_bytes(current.read_tree(event.client_pid, leave_out=os.getpid()))
    return thresholds_of(event.pairs).state_of(confirmed_bytes) == _EMERGENCY


def _record(event: Event) -> "dict[str, str]":
    """Where the conversation is. A session that began before its guard did is recorded now."""
    path = f"{event.guard_dir}/{SESSIONS}/{event.session}"
    record = read_pairs(path)
    if record:
        return record
    from memguard.gate.session_start import record_session

    record_session(event)
    return read_pairs(path)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0  # a first turn is written down late, all at once


def _mark(event: Event, turn_bytes: int) -> "tuple[int, str]":
    """The mark's descriptor and path; -1 where a worker is about to read; no path where there can be no mark.

    A capture without a mark is better than none: what it saves is one process where many hooks want the same.
    """
    path = f"{event.guard_dir}/{CAPTURE_WANTED}-{event.session}"
    try:
        return claim(path, turn_bytes, identity.is_alive), path
    except OSError as error:
        log(event, f"no mark: {error}")
        return -1, ""


def _start(event: Event, reason: str, record: "dict[str, str]", mark: int, path: str) -> None:
    python = event.pairs["python"]
    if not os.access(python, os.X_OK):
        raise FileNotFoundError(f"{python} can't be started; run `memguard init` again")  # nobody else would say so
    client = identity.identify(event.client_pid)
    session = {
        "id": event.session,
        "transcript": record.get("transcript", ""),
        "cwd": record.get("cwd", ""),
        "client": client.to_text() if client else "",
    }
    command = capture_command(python, (event.state_dir, event.key), reason, session, path)
    environment = hook_environment(dict(os.environ), event.pairs)
    start_detached(command, environment, lambda: _become_worker(mark))


def _become_worker(mark: int) -> None:
    """In the worker's process, before it is one. None of this is worth losing the capture for."""
    from memguard.host.containment.leaving import leave_group
    from memguard.host.priority import lower_priority

    leave_group()
    try:
        own = identity.identify(os.getpid())
        if own and mark >= 0:
            name_worker(mark, own)
        lower_priority(_NICE)
    except (OSError, HostError):
        return
