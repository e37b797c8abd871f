"""The mark of a capture that is wanted, and that has not begun to read: `<guard>/capture-wanted-<session>`.

Whoever finds one starts no worker: the one that is about to read will read what this is about, too. The worker removes
the mark once it holds the store's lock, right before it reads, so what comes later starts the next one: at most one
worker reads, and one waits. Three lines, the first two of a fixed length, so that each is replaced in one write:

    begun=1795421587.123            when it was made, in seconds since 1970
    turn=00000000000000164227       how long the transcript was at the last end of a turn that a hook told of; -1: none
    worker=<ProcessId>              written by the worker's process itself, so that the hook need not wait for it
"""

import os
import time

from memguard.core.identity import ProcessId, process_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

NO_TURN = -1
_BEGUN = "begun=%014.3f\n"
_TURN = "turn=%020d\n"
_TURN_AT = len(_BEGUN % 0)
_WORKER_AT = _TURN_AT + len(_TURN % 0)
_LONGEST = 512
# From the mark to the worker's id is two forks, some milliseconds.
_UNCLAIMED_S = 5.0
# A worker waits 5 s for the client to write a turn down, and 30 s for the store. One that was stopped, or that hangs in
# a dead file system, must not stop captures for ever.
_LONGEST_WAIT_S = 60.0
_ROUNDING_S = 0.1
_TRIES = 3


def claim(path: str, turn_bytes: int, is_alive: "Callable[[ProcessId], bool]") -> int:
    """Make the mark, or take over one that nobody stands behind; -1 where a worker is about to read.

    The descriptor is the caller's, who starts the worker, which calls `name_worker`. OSError where no mark can be made.
    """
    for _ in range(_TRIES):
        try:
            return _made(path, turn_bytes)
        except FileExistsError:
            pass
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            continue  # its worker has just begun to read
        if _is_taken_over(descriptor, turn_bytes, is_alive):
            return descriptor
        if _is_told(descriptor, turn_bytes):
            return -1
    return -1  # one after the other was gone the moment it was found: workers enough


def name_worker(descriptor: int, worker: ProcessId) -> None:
    """Write down who the worker is: a mark of a process that is dead counts no more."""
    os.pwrite(descriptor, f"worker={worker.to_text()}\n".encode(), _WORKER_AT)


def wanted_turn(path: str) -> int:
    """How long the transcript was at the end of the turn that the capture is to hold; `NO_TURN` for none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return NO_TURN
    try:
        return int(_number(_pairs(descriptor), "turn", NO_TURN))
    finally:
        os.close(descriptor)


def _made(path: str, turn_bytes: int) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        _begin(descriptor, turn_bytes)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _begin(descriptor: int, turn_bytes: int) -> None:
    os.pwrite(descriptor, (_BEGUN % time.time() + _TURN % turn_bytes).encode(), 0)


def _is_taken_over(descriptor: int, turn_bytes: int, is_alive: "Callable[[ProcessId], bool]") -> bool:
    """Of many that find the same mark abandoned, one begins it afresh; the lock goes with the descriptor."""
    if not _is_abandoned(descriptor, is_alive):
        return False
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    if not _is_abandoned(descriptor, is_alive):
        return False
    os.ftruncate(descriptor, 0)
    _begin(descriptor, turn_bytes)
    return True


def _is_told(descriptor: int, turn_bytes: int) -> bool:
    """Have the worker wait for this turn, too; False where it has taken the mark before it could see that."""
    try:
        if turn_bytes != NO_TURN:
            os.pwrite(descriptor, (_TURN % turn_bytes).encode(), _TURN_AT)
        return os.fstat(descriptor).st_nlink > 0
    finally:
        os.close(descriptor)


def _is_abandoned(descriptor: int, is_alive: "Callable[[ProcessId], bool]") -> bool:
    """Whether no worker will come of it. What is yet to come (the clock was set back) counts as too old."""
    pairs = _pairs(descriptor)
    age_s = time.time() - _number(pairs, "begun", os.fstat(descriptor).st_mtime)
    worker = process_in(pairs.get("worker", ""))
    longest_s = _LONGEST_WAIT_S if worker else _UNCLAIMED_S
    return not -_ROUNDING_S < age_s < longest_s or (worker is not None and not is_alive(worker))


def _pairs(descriptor: int) -> "dict[str, str]":
    text = os.pread(descriptor, _LONGEST, 0).decode("ascii", "replace")
    return dict(line.split("=", 1) for line in text.split("\n") if "=" in line)


def _number(pairs: "dict[str, str]", name: str, missing: float) -> float:
    try:
        return float(pairs[name])
    except (KeyError, ValueError):
        return missing
