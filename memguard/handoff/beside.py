"""Running code of the person's own beside the worker: with a time limit, and ended with all that it began."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
import time

from memguard.core.errors import StateError

LONGEST_ANSWER_BYTES = 65536
_HINT = "`memguard config show` says what is configured; it has to be installed where memguard is"


class BesideError(StateError):
    """It took too long, or said too much. `output` is what it had said by then."""

    def __init__(self, what: str, output: bytes) -> None:
        super().__init__(what, _HINT)
        self.output = output


def answer_of(command: list[str], given: bytes, time_limit_s: float) -> bytes:
    """All that it prints until it ends, `given` on its standard input. Raises BesideError."""
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        threading.Thread(target=_give, args=(process, given), daemon=True).start()
        try:
            return _read(process, time.monotonic() + time_limit_s)
        finally:
            # With all that it started, and before it is reaped: until then its number is nobody else's.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _give(process: subprocess.Popen[bytes], given: bytes) -> None:
    """In a thread of its own: whoever doesn't read what it is given must not hold up the worker."""
    if process.stdin:
        with contextlib.suppress(OSError, ValueError):
            process.stdin.write(given)
            process.stdin.close()


def _read(process: subprocess.Popen[bytes], deadline_s: float) -> bytes:
    if process.stdout is None:
        return b""
    descriptor, output = process.stdout.fileno(), b""
    while len(output) <= LONGEST_ANSWER_BYTES:
        remaining_s = deadline_s - time.monotonic()
        if remaining_s <= 0 or not select.select([descriptor], [], [], remaining_s)[0]:
            raise BesideError("it took too long", output)
        data = os.read(descriptor, LONGEST_ANSWER_BYTES)
        if not data:
            return output
        output += data
    raise BesideError("its answer is too long", output)
