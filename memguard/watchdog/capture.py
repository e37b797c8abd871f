"""Starting the workers of captures and handoffs, and never waiting longer for one than the memory allows."""

import os
import select
import time

from memguard.core.layout import is_plain_id
from memguard.core.spawn import capture_command, start_detached, worker_environment
from memguard.watchdog.guarded_session import GuardedSession

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


_POLL_MS = 20


def capture_detached(session: GuardedSession, reason: str) -> None:
    """Start a capture that nobody waits for."""
    start_detached(_command(session, reason), worker_environment(dict(os.environ)))


def start_handoff_worker(session: GuardedSession, ticket_id: str) -> None:
    """Start the worker that the next client's SessionStart asks, so that it is ready by then."""
    command = [session.settings.python, "-I", "-m", "memguard.handoff.waiting", "--guard", session.guard_dir]
    start_detached([*command, "--ticket", ticket_id], worker_environment(dict(os.environ)))


def capture(
    session: GuardedSession, reason: str, deadline: "Callable[[], float]", ticket_id: str = ""
) -> "tuple[str, str]":
    """Run one capture; (snapshot id, "") or ("", why not). With a ticket's id it leaves that ticket's handoff, too.

    `deadline` gives the monotonic second at which to give up, asked again every 20 ms, since growth may shorten it.
    """
    python, command = session.settings.python, _command(session, reason)
    if ticket_id:
        command += ["--guard", session.guard_dir, "--handoff", ticket_id]
    reader, writer = os.pipe()
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_DUP2, writer, 2)]
    try:
        pid = os.posix_spawn(python, command, worker_environment(dict(os.environ)), file_actions=actions, setsid=True)
    except OSError as error:  # an environment that was removed, or is being upgraded
        os.close(reader)
        return "", f"{python} can't be started: {error.strerror}"
    finally:
        os.close(writer)
        os.close(null)
    try:
        output, in_time = _read(reader, deadline)
    finally:
        os.close(reader)
    return _result(pid, output, in_time)


def _command(session: GuardedSession, reason: str) -> "list[str]":
    """A capture of the watchdog's session as it is now."""
    activity = session.activity
    now = {
        "id": activity.session_id,
        "transcript": activity.transcript,
        "cwd": activity.cwd,
        "client": session.subject.client.to_text(),
    }
    return capture_command(session.settings.python, (session.state_dir, session.key), reason, now)


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
