"""The quiet path: what every hook does, in a few milliseconds, and where it leaves for trouble.

Standard library only, nothing imported that isn't used on a quiet event. Whatever happens in here, the client goes
on: the hook exits 0, and a line in memguard's log says why.
"""

import os
import sys
import time

from memguard.core.layout import (
    COMPILED,
    NOTES,
    WAKE,
    client_record,
    guard_dir,
    is_own_dir,
    is_plain_id,
    opted_in_key,
    private_dir,
    project_dir,
    read_pairs,
)
from memguard.gate.event import Payload, append_line, read_payload, word

if sys.platform == "linux":
    from memguard.host import linux as host  # directly: one module less on the quiet path

# core.thresholds.NORMAL, spelled out: importing it takes a twentieth of what a quiet hook may take.
_NORMAL = "NORMAL"
# The client's mark of a cloud session: another machine's memory, gone with it, and nobody to tell. The client itself
# writes "true", and "1" in what it passes on. Remote Control, on the person's own machine, doesn't set it.
_YES = ("true", "1")
# The events whose answer can carry text to the model.
SPEAKS_TO_MODEL = ("UserPromptSubmit", "PreToolUse", "PostToolUse", "PostToolUseFailure")
# What a guard's own configuration has no say in: which program is run, and what it is told of the person's machine.
_OF_THE_PROJECT = ("python", "runtime", "home", "path")


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
    if sys.platform != "linux":
        _refuse(name, state_dir)
        return
    if os.environ.get("CLAUDE_CODE_REMOTE") in _YES:
        return
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
    elif name == "Stop":
        from memguard.gate.captures import capture_turn

        capture_turn(event)


def _find_session(event: Event) -> None:
    session = event.payload.first("session_id")
    event.session = session if is_plain_id(session) else ""
    event.pairs = read_pairs(f"{event.project_dir}/{COMPILED}")
    if not event.session or not event.payload.looks_whole():
        log(event, f"stdin is not an event of Claude Code ({event.payload.size_bytes} bytes)")
    runtime_dir = event.pairs["runtime"]
    _make_sure_of(runtime_dir)
    event.client_pid, event.guard_id = _find_client(runtime_dir)
    event.guard_dir = guard_dir(runtime_dir, event.guard_id) if event.guard_id else ""
    if event.guard_id:
        fixed = {name: event.pairs[name] for name in _OF_THE_PROJECT if name in event.pairs}
        own = read_pairs(f"{event.guard_dir}/{COMPILED}")
        # One or the other, not mixed: a budget's number means a line of the file that the watchdog goes by.
        event.pairs = {**(own or event.pairs), **fixed}


def _make_sure_of(runtime_dir: str) -> None:
    """Before anything in it is believed; PermissionError where another user has, or could have, made it."""
    if is_own_dir(runtime_dir):
        return
    private_dir(runtime_dir)  # missing, as after a reboot, or open to others
    if not is_own_dir(runtime_dir):
        raise PermissionError(f"{runtime_dir}: it, or the folder above it, is not this user's alone")


def _find_client(runtime_dir: str) -> tuple[int, str]:
    """The client's pid and its guard's id (empty: not guarded yet).

    A client is believed only as an ancestor of this very hook: hook, perhaps a shell or two, client.
    """
    named = os.environ.get("CLAUDE_PID", "")
    parent = os.getppid()
    for _ in range(4):
        record = read_pairs(client_record(runtime_dir, parent))
        if record and _is_about(record, parent):
            return parent, record["guard"]
        if str(parent) == named:
            return parent, ""
        parent = host.parent_pid(parent)
    return (0 if named else os.getppid()), ""


def _is_about(record: "dict[str, str]", pid: int) -> bool:
    """Whether a record is of the process that has `pid` now, as `ProcessId` tells processes apart, and names a guard.

    Ticks alone repeat from boot to boot, and records outlive one where there is only `/tmp`. Boot and namespace cost
    as much as three readings of `stat`, half a hundredth of a quiet hook.
    """
    boot = host.read_bytes("/proc/sys/kernel/random/boot_id", 64).decode("ascii", "replace").strip()
    namespace = os.stat("/proc/self/ns/pid").st_ino
    is_same = record.get("id") == f"{pid}:{host.start_ticks(pid)}:{boot}:{namespace}"
    return is_same and is_plain_id(record.get("guard", ""))


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
            "" if payload.first("agent_id") else word(payload.first("permission_mode")),  # a subagent has its own
            word(payload.first("source")),
            payload.has_items("background_tasks"),
            _budget_index(event) if event.name == "PreToolUse" and "tool_budget_0" in event.pairs else -1,
        ),
    )


def _budget_index(event: Event) -> int:
    """Which line of `[tools]` the call that begins has; stdin is parsed only where its command decides."""
    from memguard.core.tool_budgets import budget_index, budgets_of, needs_command

    budgets, tool = budgets_of(event.pairs), event.payload.first("tool_name")
    return budget_index(budgets, tool, event.payload.command() if needs_command(budgets, tool) else "")


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
        return True  # full: it has been told often enough
    except OSError:
        return False  # it has just gone
    finally:
        os.close(descriptor)
    return True


def _is_notable(event: Event) -> bool:
    if event.state != _NORMAL or event.name in ("SessionStart", "PreCompact"):
        return True
    if event.name in SPEAKS_TO_MODEL and os.path.exists(f"{event.guard_dir}/{NOTES}"):
        return True
    if event.name != "PreToolUse":
        return False
    return os.path.exists(f"{event.guard_dir}/in-flight") or os.path.exists(f"{event.guard_dir}/degradation")


def _refuse(name: str, state_dir: str) -> None:
    if name == "SessionStart":
        from memguard.core.log import append_log

        append_log(state_dir, f"memguard does nothing on {sys.platform} yet: this session is not watched")


def log(event: Event, text: str) -> None:
    """One line in memguard's log, as the configuration wants it, where that is known yet."""
    from memguard.core.log import append_log, use_log

    use_log(*(getattr(event, "pairs", {}).get(name, "") for name in ("log_level", "log_format")))
    append_log(event.state_dir, f"hook {event.name}: {text}")


def _log_failure(name: str, error: BaseException) -> None:
    try:
        from memguard.core.log import ERROR, append_log, described

        append_log(sys.argv[1], f"hook {name}: {described(error)}", ERROR)
    except BaseException:  # noqa: BLE001, S110  nothing is left to tell it to
        pass
