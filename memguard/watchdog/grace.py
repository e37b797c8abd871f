"""The grace between SIGTERM and SIGKILL, cut short when it is used to grow."""

import time

from memguard.host import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from memguard.core.identity import ProcessId

# A TERM-deaf process of 1 GB/s would double in its grace: it is looked at every 10 ms.
_LOOK_S = 0.01


def await_end(targets: "list[ProcessId]", grace_s: float, most_bytes: float, read_bytes: "Callable[[], int]") -> bool:
    """Wait until all are gone; False when the grace is over, or what `read_bytes` gives has reached `most_bytes`."""
    deadline_s = time.monotonic() + grace_s
    while time.monotonic() < deadline_s:
        targets = signals.wait_gone(targets, _LOOK_S)
        if not targets:
            return True
        if read_bytes() >= most_bytes:
            return False
    return not signals.wait_gone(targets, 0)
