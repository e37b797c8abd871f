"""The quiet path: what every hook does, in a few milliseconds, and where it leaves for trouble.

Standard library only, nothing imported that isn't used on a quiet event. Whatever happens in here, the client goes
on: the hook exits 0, and a line in memguard's log says why.
"""

import os
import sys
import time

from memguard.core.layout import (
    COMPILED,
    WAKE,
    client_record,
    guard_dir,
    is_plain_id,
    opted_in_key,
    project_dir,
    read_pairs,
)
from memguard.gate.event import Payload, append_line, read_payload, word

if sys.platform == "linux":
    from memguard.host import linux as host  # directly: one module less on the quiet path
else:
    from memguard.host import current as host

# core.thresholds.NORMAL, spelled out: importing it takes a twentieth of what a quiet hook may take.
_NORMAL = "NORMAL"


class Event:
    """One event of one session, and what was read at it."""

    __slots__ = (
        "client_pid", "guard_dir", "guard_id", "key", "name", "pairs", "payload", "session", "sizes_bytes", "state",
        "state_dir", "watched",
    )  # fmt: skip

    client_pid: int
    guard_dir: str
    guard_id: str
    pairs: "dict[str, str]"
    session: str
    sizes_bytes: "list[int]"  # footprints of the tree, the client's first
    state: str
    watched: bool

    def __init__(self, name: str, state_dir: str, key: str, payload: Payload) -> None:
        self.name = name
        self.state_dir = state_dir
        self.key = key
        self.payload = payload

    @property
    def project_dir(self) -> str:
        """The project's durable folder."""
        return project_dir(self.state_dir, self.key)


def main(name: str) -> None:
    """Handle one event and leave; never returns.

    `os._exit` spares the interpreter's tear-down (about a tenth of a quiet hook).
    """
    try:
        _handle(name, sys.argv[1])
    except BaseException as error:  # noqa: BLE001  a hook never breaks a session, not even on MemoryError
        _log_failure(name, error)
    os._exit(0)


def _handle(name: str, state_dir: str) -> None:
    directory = os.environ.get("CLAUDE_PROJECT_DIR") or os.getcwd()
    key = opted_in_key(directory, state_dir)
    if not key:
        return
    event = Event(name, state_dir, key, read_payload())
    _find_session(event)
    _read_memory(event)
    try:
        _append(event)
    except OSError as error:
        _log_failure(name, error)
    event.watched = _wake(event.guard_dir)
    if not event.watched or _is_notable(event):
        from memguard.gate.trouble import handle

        handle(event)


def _find_session(event: Event) -> None:
    session = event.payload.first("session_id")
    event.session = session if is_plain_id(session) else ""
    if not event.session or not event.payload.looks_whole():
        _log(event, f"stdin is not an event of Claude Code ({event.payload.size_bytes} bytes)")
    event.pairs = read_pairs(f"{event.project_dir}/{COMPILED}")
    event.client_pid, event.guard_id = _find_client(event.pairs["runtime"])
    event.guard_dir = guard_dir(event.pairs["runtime"], event.guard_id) if event.guard_id else ""
    if event.guard_id:
        event.pairs = read_pairs(f"{event.guard_dir}/{COMPILED}") or event.pairs


def _find_client(runtime_dir: str) -> tuple[int, str]:
    """The client's pid and its guard's id (empty: not guarded yet).

    A client is believed only as an ancestor of this very hook: hook, perhaps a shell or two, client.
    """
    named = os.environ.get("CLAUDE_PID", "")
    parent = os.getppid()
    for _ in range(4):
        record = read_pairs(client_record(runtime_dir, parent))
        if record and record["id"].split(":")[1] == str(host.start_ticks(parent)):
            return parent, record["guard"]
        if str(parent) == named:
            return parent, ""
        parent = host.parent_pid(parent)
    return (0 if named else os.getppid()), ""


def _read_memory(event: Event) -> None:
    event.sizes_bytes = [found[3] for found in host.walk(event.client_pid, leave_out=os.getpid())]
    event.state = _NORMAL
    if sum(event.sizes_bytes) >= int(event.pairs["warning_bytes"]):
        from memguard.core.settings import thresholds_of  # a quiet event knows its state without

        event.state = thresholds_of(event.pairs).state_of(sum(event.sizes_bytes))


def _append(event: Event) -> None:
    payload, sizes_bytes = event.payload, event.sizes_bytes
    append_line(
        event.project_dir,
        event.session,
        (
            time.time(),
            event.name,
            event.session,
            event.client_pid,
            sum(sizes_bytes),
            sizes_bytes[0] if sizes_bytes else 0,
            len(sizes_bytes),
            event.state,
            word(payload.first("tool_name")),
            word(payload.last("tool_use_id")),
            word(payload.first("permission_mode")),
            word(payload.first("source")),
            payload.has_items("background_tasks"),
        ),
    )


def _wake(guard: str) -> bool:
    """One byte into the watchdog's FIFO; False when no watchdog listens (or the session has no guard yet)."""
    if not guard:
        return False
    try:
        descriptor = os.open(f"{guard}/{WAKE}", os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        os.write(descriptor, b".")
    except BlockingIOError:
        pass  # full: it has been told often enough
    finally:
        os.close(descriptor)
    return True


def _is_notable(event: Event) -> bool:
    if event.state != _NORMAL or event.name in ("SessionStart", "PreCompact"):
        return True
    return event.name == "PreToolUse" and os.path.exists(f"{event.guard_dir}/in-flight")


def _log(event: Event, text: str) -> None:
    from memguard.core.log import append_log

    append_log(event.state_dir, f"hook {event.name}: {text}")


def _log_failure(name: str, error: BaseException) -> None:
    try:
        from memguard.core.log import append_log, described

        append_log(sys.argv[1], f"hook {name}: {described(error)}")
    except BaseException:  # noqa: BLE001, S110  nothing is left to tell it to
        pass
