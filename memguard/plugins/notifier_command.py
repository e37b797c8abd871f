"""Running the person's own program with an event on its standard input."""

from __future__ import annotations

import os
import signal
import subprocess


def run_command(words: list[str], body: bytes, timeout_s: float) -> None:
    """Run it to its end, in a process group of its own, which is ended when the time is over.

    Raises OSError where it can't be started, TimeoutExpired, or CalledProcessError where it fails.
    """
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0, cwd="/"
    ) as process:
        try:
            process.communicate(body, timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # not reaped yet: the number is still its own
            raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, "the program")
