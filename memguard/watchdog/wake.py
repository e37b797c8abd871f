"""The watchdog's sleep, and all that may end it: a hook's byte, the end of a process, or the time."""

import os
import select

from memguard.core.identity import ProcessId
from memguard.core.layout import WAKE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.host.containment.base import Containment


class Wake:
    """The guard's FIFO, held open for both ways so that it never reports an end."""

    def __init__(self, guard_dir: str) -> None:
        path = f"{guard_dir}/{WAKE}"
        if not os.path.exists(path):
            os.mkfifo(path, 0o600)
        self._fifo = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def sleep(self, seconds: float, watched: list[ProcessId], containment: "Containment | None" = None) -> bool:
        """Sleep for `seconds`, or until a byte comes, one of `watched` ends, or the kernel reports the session's limit.

        Whether it was the last of these.
        """
        poll = select.poll()
        poll.register(self._fifo, select.POLLIN)
        descriptors = [descriptor for process in watched if (descriptor := _open(process)) >= 0]
        for descriptor in descriptors:
            poll.register(descriptor, select.POLLIN)
        reporting = containment.descriptor() if containment else -1
        if containment and reporting >= 0:
            poll.register(reporting, containment.poll_event)
        woken = [descriptor for descriptor, _ in poll.poll(seconds * 1000)]
        is_reported = containment is not None and reporting in woken
        if containment and is_reported:
            containment.acknowledge()
        for descriptor in descriptors:
            os.close(descriptor)
        self._drain()
        return is_reported

    def _drain(self) -> None:
        try:
            while os.read(self._fifo, 4096):
                pass
        except BlockingIOError:
            return


def _open(process: ProcessId) -> int:
    """A pidfd; -1 where the process is gone, or the system has none: then the time decides."""
    try:
        return os.pidfd_open(process.pid)
    except (OSError, AttributeError):
        return -1
