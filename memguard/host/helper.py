"""Asking another program something, without ever waiting for it longer than said."""

import os
import select
import signal
import time

_MOST_BYTES = 65536
_DEFAULT_AGAIN = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE)


class Answer:
    """What it printed, stderr behind stdout as they came, and its exit code; -1 where it didn't end in time."""

    __slots__ = ("code", "text")

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.text = text


def ask(words: "list[str]", environment: "dict[str, str]", timeout_s: float, program: str = "") -> Answer:
    """Run `program` (else the first word, a path) in a process session of its own, and wait for its end."""
    reader, writer = os.pipe()
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_DUP2, writer, 2)]
    try:
        pid = os.posix_spawn(
            program or words[0], words, environment, file_actions=actions, setsid=True, setsigdef=_DEFAULT_AGAIN
        )
    except OSError as error:
        os.close(reader)
        return Answer(-1, f"{words[0]} can't be started: {error.strerror}")
    finally:
        os.close(writer)
        os.close(null)
    try:
        return _await(pid, reader, time.monotonic() + timeout_s)
    finally:
        os.close(reader)


def _await(pid: int, reader: int, deadline_s: float) -> Answer:
    """Read to the end of its output, then reap it; ended by us when the time is over."""
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    output, is_open = b"", True
    while (left_s := deadline_s - time.monotonic()) > 0:
        if is_open and poll.poll(min(left_s, 0.05) * 1000):
            data = os.read(reader, 4096)
            output, is_open = (output + data)[-_MOST_BYTES:], bool(data)
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return Answer(os.waitstatus_to_exitcode(status), _rest(reader, output))
        if not is_open:
            time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)  # our own child, not yet reaped: the pid is still its own
    os.waitpid(pid, 0)
    return Answer(-1, "no answer in time")


def _rest(reader: int, output: bytes) -> str:
    """What was in the pipe when it ended; something that it left running may hold the pipe open."""
    os.set_blocking(reader, False)
    try:
        while data := os.read(reader, 4096):
            output = (output + data)[-_MOST_BYTES:]
    except BlockingIOError:
        pass
    return output.decode("utf-8", "replace")
