"""Whether somebody is typing: the terminal of a client, and when a key last came from it."""

import os

from memguard.host import current

# Device numbers of Linux: eight majors of 256 pseudo terminals each, and 64 consoles before the serial lines.
_FIRST_PTS_MAJOR = 136
_LAST_PTS_MAJOR = 143
_CONSOLE_MAJOR = 4
_CONSOLES = 64
# The kernel moves a terminal's atime only when it enters another span of 8 s, lest it tell how fast one types.
_ATIME_SPAN_S = 8


def tty_of(pid: int, proc: str = "/proc") -> str:
    """The path of a process's controlling terminal; empty where it has none, or none that can be found here."""
    number = current.terminal_number(pid, proc)
    if not number:
        return ""
    for path in (_usual_path(number), _standard_input(pid, proc)):
        if path and _is_device(path, number):
            return path
    return ""


def typing_age_s(tty_path: str, now: float) -> float:
    """Seconds since somebody last typed, at least: at most 8 s too few, never too many; infinite without a terminal.

    `now` is the time of day (`time.time()`), as the kernel stamps a terminal with it.
    """
    try:
        read_s = os.stat(tty_path).st_atime
    except OSError:
        return float("inf")
    span_end_s = (int(read_s) // _ATIME_SPAN_S + 1) * _ATIME_SPAN_S
    return max(0.0, now - span_end_s)


def _usual_path(number: int) -> str:
    major, minor = (number >> 8) & 0xFFF, (number & 0xFF) | ((number >> 12) & 0xFFF00)
    if _FIRST_PTS_MAJOR <= major <= _LAST_PTS_MAJOR:
        return f"/dev/pts/{(major - _FIRST_PTS_MAJOR) * 256 + minor}"
    if major == _CONSOLE_MAJOR:
        return f"/dev/tty{minor}" if minor < _CONSOLES else f"/dev/ttyS{minor - _CONSOLES}"
    return ""


def _standard_input(pid: int, proc: str) -> str:
    try:
        path = os.readlink(f"{proc}/{pid}/fd/0")
    except OSError:
        return ""
    return path if path.startswith("/dev/") else ""


def _is_device(path: str, number: int) -> bool:
    """Whether a path is that very device: in a container, `/dev/pts/3` may be another or none."""
    try:
        device = os.stat(path).st_rdev
    except OSError:
        return False
    return device == number
