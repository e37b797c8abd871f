"""The terminal between two clients: saved, kept quiet while nobody reads it, and given back as it was."""

import os
import sys

if sys.platform != "win32":
    import termios

# What the client itself sends at its end, and what it can't send when it is killed: mouse and focus reporting off,
# cursor on, extended keyboard protocols off, alternate screen left, colour-scheme reports and bracketed paste off,
# character set, wrapping, scroll region and title as they were; then plain attributes and no synchronised output.
# `1049l` also restores the cursor, on the main screen to wherever it was saved long ago, so `1049h` goes before it:
# it does nothing on the alternate screen, and on the main one it saves the present place. Then the rest of a killed
# client's prompt box is cleared.
RESET = (
    "\x1b[?1006l\x1b[?1003l\x1b[?1002l\x1b[?1000l\x1b[?1016l\x1b[?1004l\x1b[?25h\x1b[>4m\x1b[<u\x1b[?1049h\x1b[?1049l"
    "\x1b[?2031l\x1b[?2004l\x1b(B\x0f\x1b[?7h\x1b7\x1b[r\x1b8\x1b]0;\x07\x1b[?2026l\x1b[0m\r\x1b[J"
)
_LOCAL_FLAGS = 3  # index of the local flags in what tcgetattr returns


class Terminal:
    """The controlling terminal on stdin; every method does nothing where stdin is none, or another's at the moment.

    Touching it from the background would stop us, or garble what another program shows.
    """

    __slots__ = ("_is_hushed", "_saved")

    def __init__(self, is_used: bool) -> None:
        self._saved: list[object] | None = None
        self._is_hushed = False
        if sys.platform != "win32" and is_used and os.isatty(0):
            self._saved = termios.tcgetattr(0)

    @property
    def is_in_background(self) -> bool:
        """Whether the terminal is there, and another's at the moment."""
        return self._saved is not None and _foreground_group() not in (0, os.getpgrp())

    def hush(self) -> None:
        """Echo off: what is typed while no client lives must not stand on the screen, nor be run by a shell."""
        if self._saved is not None and self._is_ours():
            quiet = list(self._saved)
            quiet[_LOCAL_FLAGS] = int(str(quiet[_LOCAL_FLAGS])) & ~termios.ECHO
            self._is_hushed = True
            _set(quiet)

    def unhush(self) -> None:
        """Undo `hush`, and only that."""
        if self._is_hushed:
            self.restore()

    def restore(self) -> None:
        """Give back the modes that were found, and drop what was typed meanwhile."""
        if self._saved is not None and self._is_ours():
            self._is_hushed = False
            _set(self._saved, is_input_dropped=True)

    def reset(self) -> None:
        """After a forced kill: switch off what the client had switched on."""
        if self._is_ours() and os.isatty(1):
            try:
                os.write(1, RESET.encode())
            except OSError:
                return  # hung up

    def _is_ours(self) -> bool:
        return self._saved is not None and _foreground_group() == os.getpgrp()


def _foreground_group() -> int:
    """The process group that has the terminal; 0 where it hung up."""
    try:
        return os.tcgetpgrp(0)
    except OSError:
        return 0


def _set(attributes: "list[object]", is_input_dropped: bool = False) -> None:
    try:
        if is_input_dropped:
            termios.tcflush(0, termios.TCIFLUSH)
        termios.tcsetattr(0, termios.TCSADRAIN, attributes)  # type: ignore[arg-type]  # what tcgetattr gave
    except termios.error:
        return  # hung up
