"""Signals that reach the process that was meant, or nobody."""

import os
import select
import time

from memguard.core.identity import ProcessId
from memguard.core.light_signal import signal
from memguard.host.identity import belongs_to_me, is_alive, own_line

# Without a pidfd (macOS, old kernels, some sandboxes) an end can only be looked for.
_LOOK_INTERVAL_S = 0.02
_HAS_PIDFD = hasattr(os, "pidfd_open") and hasattr(signal, "pidfd_send_signal")
_batches: "list[frozenset[int]]" = []  # for each that is open, who is never to be signalled


class Batch:
    """`with Batch():` for many signals in a row: this process's ancestors, 8 to 10 reads, are looked up once.

    None can be missed: who loses its parent is given to one of its ancestors, so that the line only gets shorter.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        _batches.append(_batches[-1] if _batches else own_line())

    def __exit__(self, *_: object) -> None:
        _batches.pop()


def send(who: ProcessId, signal_number: int) -> bool:
    """Send a signal to exactly this process; False when it is not there any more or is not to be touched.

    The pidfd is opened before the identity is compared, so that a pid given away in between can't be hit. Not to
    be touched are other users' processes, this process, its ancestors, and init.
    """
    if who.pid <= 1 or who.pid in (_batches[-1] if _batches else own_line()):
        return False
    try:
        descriptor = _open(who.pid)
    except ProcessLookupError:
        return False
    try:
        if not is_alive(who) or not belongs_to_me(who.pid):
            return False
        _deliver(descriptor, who.pid, signal_number)
    except OSError:  # it went meanwhile, or the kernel refuses
        return False
    finally:
        _close(descriptor)
    return True


def wait_gone(process_ids: list[ProcessId], timeout_s: float) -> list[ProcessId]:
    """Wait until all are gone, `timeout_s` at most; returns those that still run.

    One after the other against one deadline, so that any number of them needs a single descriptor.
    """
    deadline = time.monotonic() + timeout_s
    for who in process_ids:
        _wait(who, deadline)
    return [who for who in process_ids if is_alive(who)]


def _wait(who: ProcessId, deadline: float) -> None:
    try:
        descriptor = _open(who.pid)
    except ProcessLookupError:
        return
    try:
        if descriptor < 0:
            _look_until(who, deadline)
        elif is_alive(who):
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
    finally:
        _close(descriptor)


def _look_until(who: ProcessId, deadline: float) -> None:
    while is_alive(who) and time.monotonic() < deadline:
        time.sleep(min(_LOOK_INTERVAL_S, max(0.0, deadline - time.monotonic())))


def _open(pid: int) -> int:
    """A pidfd, or -1 where the host gives none; ProcessLookupError when nobody has the pid."""
    if not _HAS_PIDFD:
        return -1
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        raise
    except OSError:  # an old kernel, a sandbox, or no descriptor left: compare, then kill
        return -1


def _deliver(descriptor: int, pid: int, signal_number: int) -> None:
    if descriptor >= 0:
        signal.pidfd_send_signal(descriptor, signal_number)
    else:
        os.kill(pid, signal_number)


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)
