"""Where a hook goes when its event isn't quiet: a session to begin with, memory to answer for, a call to deny."""

import json
import os
import time

from memguard.core.call import call_fingerprint
from memguard.core.layout import DEGRADATION, IN_FLIGHT, NOTES, TOLD, private_dir, write_all
from memguard.core.log import printable, use_log
from memguard.core.reading import TreeReading
from memguard.core.settings import thresholds_of
from memguard.core.thresholds import NORMAL, STATES
from memguard.core.units import format_size
from memguard.gate import SPEAKS_TO_MODEL, Event, captures, escalate
from memguard.gate.event import word
from memguard.gate.outlook import outlook
from memguard.host import confirm, current

# A tree whose sum is over a limit but whose PSS isn't (shared memory) is measured again after this long.
_CONFIRM_AGAIN_S = 60
_NOTHING = ("", "")


def handle(event: Event) -> None:
    """Answer one event with at most one JSON document on stdout."""
    if not event.client_pid:
        return
    use_log(event.pairs.get("log_level", ""), event.pairs.get("log_format", ""))
    if not event.watched:
        escalate.see_to_watchdog(event)
    answer = _answer(event)
    if answer:
        write_all(1, json.dumps(answer).encode())


def _answer(event: Event) -> "dict[str, object]":
    if event.name == "SessionStart":
        from memguard.gate.session_start import begin

        return begin(event)
    if event.name == "PreCompact":
        captures.capture(event, "before compaction")
        return {}
    if event.name == "Stop":
        captures.capture_turn(event)
    if event.name == "PreToolUse":
        denial = _denial(event) or _denial_in_mode(event)
        if denial:
            return denial
    return _told(event, [_notes(event), _warning(event) if event.state != NORMAL else _NOTHING])


def _notes(event: Event) -> "tuple[str, str]":
    """What was ended of this session, where there is anything."""
    if event.name not in SPEAKS_TO_MODEL or not os.path.exists(f"{event.guard_dir}/{NOTES}"):
        return _NOTHING
    from memguard.gate.notes import claimed

    return claimed(event)


def _denial(event: Event) -> "dict[str, object]":
    """Deny, once, the re-run of a call that a restart cut off: it may have taken effect already."""
    if not os.path.isdir(f"{event.guard_dir}/{IN_FLIGHT}"):
        return {}
    call = event.payload.parsed()
    tool = str(call.get("tool_name", ""))
    path = f"{event.guard_dir}/{IN_FLIGHT}/{call_fingerprint(tool, call.get('tool_input'))}"
    try:
        os.rename(path, path + ".denied")
    except OSError:
        return {}
    reason = (
        f"memguard: this {word(tool)} call was already running when the session was restarted for its memory use."
        " It was started once and cut off, so it may have taken effect in part or in whole. This re-run was not carried"
        " out. The same call is not held back a second time."
    )
    return {"hookSpecificOutput": _denied(reason)}


def _denial_in_mode(event: Event) -> "dict[str, object]":
    """Deny what the session's mode doesn't allow, while a watchdog lives: nobody else would lift it."""
    if not event.watched or not os.path.exists(f"{event.guard_dir}/{DEGRADATION}"):
        return {}
    from memguard.gate.degraded import denial_in_mode

    reason = denial_in_mode(event)
    if not reason:
        return {}
    line, _ = _notes(event)  # to the model, the reason says the same
    return {**({"systemMessage": line} if line else {}), "hookSpecificOutput": _denied(reason)}


def _denied(reason: str) -> "dict[str, object]":
    return {"hookEventName": "PreToolUse", "permissionDecision": "deny", "permissionDecisionReason": reason}


def _warning(event: Event) -> "tuple[str, str]":
    """Tell the person and the model once per session and state, after PSS has confirmed it."""
    marker = f"{private_dir(f'{event.guard_dir}/{TOLD}')}/{event.session}-{event.state}"
    if os.path.exists(marker) or _is_recent(marker + ".unconfirmed"):
        return _NOTHING
    reading = current.read_tree(event.client_pid, leave_out=os.getpid())
    confirmed_bytes = confirm.confirmed_bytes(reading)
    confirmed_state = thresholds_of(event.pairs).state_of(confirmed_bytes)
    if STATES.index(confirmed_state) < STATES.index(event.state):
        _touch(marker + ".unconfirmed")
        return _NOTHING
    _touch(marker)
    if not event.watched:  # a watchdog takes its own
        captures.capture(event, f"footprint at {event.state}")
    return _texts(event, reading, confirmed_bytes)


def _texts(event: Event, reading: TreeReading, confirmed_bytes: int) -> "tuple[str, str]":
    limit_bytes = thresholds_of(event.pairs).limit_of(event.state)
    text = (
        f"memguard: this session's processes hold {format_size(confirmed_bytes)},"
        f" at or over the {event.state.lower()} limit of {format_size(limit_bytes)}"
    )
    prospect = outlook(event)
    return f"{text}. {prospect} Pause memguard: memguard pause", _facts(reading, text, prospect)


def _told(event: Event, texts: "list[tuple[str, str]]") -> "dict[str, object]":
    """One document of all that there is to tell: for each, a line for the person and a text for the model."""
    texts = [each for each in texts if each != _NOTHING]
    if not texts:
        return {}
    answer: dict[str, object] = {"systemMessage": " ".join(line for line, _ in texts)}
    if event.name in SPEAKS_TO_MODEL:
        context = "\n\n".join(text for _, text in texts)
        answer["hookSpecificOutput"] = {"hookEventName": event.name, "additionalContext": context}
    return answer


def _facts(reading: TreeReading, text: str, prospect: str) -> str:
    return (
        f"{text}; {_largest(reading)} of it, in a tree of {len(reading.processes)} processes. {prospect} Output that is"
        " filtered before it is printed, and files read in parts, keep the conversation smaller."
    )


def _largest(reading: TreeReading) -> str:
    """Who holds most: the client, or what it started, by name; a name is a program's own, so it is quoted and cut."""
    held = f"the client itself holds {format_size(reading.client_bytes)}"
    largest = max(reading.processes, key=lambda process: process.footprint_bytes, default=None)
    if largest is None or largest is reading.processes[0]:
        return held
    name = json.dumps(printable(current.command_name(largest.pid).strip(), 40), ensure_ascii=False)
    return f"the process {name} (pid {largest.pid}) holds {format_size(largest.footprint_bytes)}, {held}"


def _is_recent(path: str) -> bool:
    try:
        return time.time() - os.stat(path).st_mtime < _CONFIRM_AGAIN_S
    except OSError:
        return False


def _touch(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
