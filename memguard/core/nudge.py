"""One byte into a watchdog's FIFO, so that it looks now rather than when its pause is over."""

import os

from memguard.core.layout import WAKE


def nudge(guard_dir: str) -> bool:
    """Whether a watchdog listens. A quiet hook does the same by itself: each module that it imports costs it 1/60."""
    try:
        descriptor = os.open(f"{guard_dir}/{WAKE}", os.O_WRONLY | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return False  # not there yet, or gone: its start reads the same files
    try:
        os.write(descriptor, b".")
    except OSError:
        return True  # full: it is awake already
    finally:
        os.close(descriptor)
    return True
