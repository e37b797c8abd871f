"""Starting the capture worker and waiting for it, without ever waiting longer than the memory allows."""

import os
import select
import time

from memguard.core.layout import is_plain_id
from memguard.core.spawn import start_detached, worker_environment
from memguard.watchdog.guarded_session import GuardedSession

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


_POLL_MS = 20


def capture_arguments(session: GuardedSession, reason: str) -> list[str]:
    """The arguments of a capture of the watchdog's session as it is now: ids and paths only."""
    activity = session.activity
    values = {
        "--state": session.state_dir,
        "--project-key": session.key,
        "--reason": reason,
        "--session": activity.session_id,
        "--transcript": activity.transcript,
        "--cwd": activity.cwd,
        "--client": session.subject.client.to_text(),
    }
    return [part for name, value in values.items() for part in (name, value)]


def capture_detached(session: GuardedSession, reason: str) -> None:
    """Start a capture that nobody waits for."""
    python = session.settings.python
    command = [python, "-I", "-m", "memguard.state.capture", *capture_arguments(session, reason)]
    start_detached(command, worker_environment(dict(os.environ)))


def capture(python: str, arguments: "list[str]", deadline: "Callable[[], float]") -> "tuple[str, str]":
    """Run one capture; (snapshot id, "") or ("", why not).

    `deadline` gives the monotonic second at which to give up, asked again every 20 ms, since growth may shorten it.
    """
    reader, writer = os.pipe()
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_DUP2, writer, 2)]
    command = [python, "-I", "-m", "memguard.state.capture", *arguments]
    pid = os.posix_spawn(python, command, worker_environment(dict(os.environ)), file_actions=actions, setsid=True)
    for descriptor in (writer, null):
        os.close(descriptor)
    try:
        output, in_time = _read(reader, deadline)
    finally:
        os.close(reader)
    return _result(pid, output, in_time)


def _read(reader: int, deadline: "Callable[[], float]") -> "tuple[bytes, bool]":
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    output = b""
    while time.monotonic() < deadline():
        if poll.poll(_POLL_MS):
            data = os.read(reader, 4096)
            if not data:
                return output, True
            output = (output + data)[-4096:]
    return output, False


def _result(pid: int, output: bytes, in_time: bool) -> "tuple[str, str]":
    if not in_time:
        os.kill(pid, 9)  # our own child, not yet reaped: the pid is still its own
    _, status = os.waitpid(pid, 0)
    lines = output.decode("utf-8", "replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    if not in_time:
        return "", "the capture took too long"
    if status == 0 and is_plain_id(last):
        return last, ""
    return "", last or f"the capture ended with status {status}"
