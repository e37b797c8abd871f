"""The watchdog's word to the launcher that a client is where it belongs, and may begin: a FIFO of the guard's."""

import os

from memguard.core.layout import PLACED

_BLOCK = 4096


class PlacedFifo:
    """The launcher's end, held open for both ways so that it never reports an end. Raises OSError."""

    __slots__ = ("_text", "descriptor")

    def __init__(self, guard_dir: str) -> None:
        path = f"{guard_dir}/{PLACED}"
        try:
            os.mkfifo(path, 0o600)
        except FileExistsError:
            pass
        self.descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._text = b""

    def has_come(self, generation: int) -> bool:
        """Whether the word is there for the client of this `generation`; one for an earlier client is dropped."""
        try:
            self._text = (self._text + os.read(self.descriptor, _BLOCK))[-_BLOCK:]
        except BlockingIOError:
            pass
        return str(generation).encode() in self._text.split(b"\n")[:-1]

    def close(self) -> None:
        """Expect no more."""
        os.close(self.descriptor)


def say_placed(guard_dir: str, generation: int) -> None:
    """Let the client of this `generation` begin; nothing happens where nobody waits for it."""
    try:
        descriptor = os.open(f"{guard_dir}/{PLACED}", os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return
    try:
        os.write(descriptor, f"{generation}\n".encode())
    except OSError:
        return  # full: nobody has listened for a long time
    finally:
        os.close(descriptor)
