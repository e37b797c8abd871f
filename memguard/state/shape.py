"""Whether what was opened has the form of a snapshot's record: whoever has the public key can seal anything.

A shape is a type, a list of one shape, an object of shapes by name, or a function that says whether a value is right.
What becomes a file's name or a line of a plain file has a function here.
"""

from __future__ import annotations

from memguard.core.layout import is_plain_id
from memguard.state.compiled import EXACT, REDACTED
from memguard.state.segment import COMMITMENT_CHARS, is_hex

_LARGEST = 2**53  # what every reader of JSON takes for the same number; sizes and counts are far below
_LATEST_UTC_S = 253402300799.0  # the last second that a calendar of four digits has


def _is_time(value: object) -> bool:
    """In seconds since 1970; neither "infinite" nor "not a number" is in between."""
    return type(value) in (int, float) and 0 <= value <= _LATEST_UTC_S  # type: ignore[operator]  # a number


def _is_id(value: object) -> bool:
    return isinstance(value, str) and is_plain_id(value)


def _is_session(value: object) -> bool:
    """Empty where none has begun."""
    return value == "" or _is_id(value)


def _is_privacy(value: object) -> bool:
    return value in (REDACTED, EXACT)


def _is_commitment(value: object) -> bool:
    return isinstance(value, str) and is_hex(value, COMMITMENT_CHARS)


def _is_content(value: object) -> bool:
    """A text that a file can hold: half of a surrogate pair has no bytes."""
    return isinstance(value, str) and value == value.encode("utf-8", "replace").decode()


_SEGMENT = {"name": str, "start": int, "end": int, "plain_bytes": int, "sealed_bytes": int, "commitment": str}
_TRANSCRIPT = {
    "name": _is_id, "path": str, "size_bytes": int, "redactions": int, "is_sealed": bool, "begun": str,
    "meta": _is_content, "segments": [_SEGMENT],
}  # fmt: skip
_ANY = ""  # as a name: an object with any names, and values of this shape
_RUNNING = {"pid": int, "name": str, "command": str, "footprint_bytes": int}
_PROCESS = {
    "id": str, "pid": int, "started_utc": _is_time, "command": [str], "environment": {_ANY: str}, "tree": [_RUNNING],
    "footprint_bytes": int,
}  # fmt: skip
_REQUEST = {"text": str, "time": str}
CONVERSATION = {
    "lines": int, "is_torn": bool,
    "requests": [_REQUEST], "first_request": [_REQUEST], "unsent": [_REQUEST],
    "todos": [{"text": str, "status": str}],
    "files": [str],
    "in_flight": [{"tool": str, "tool_use_id": str, "what": str}],
    "last_text": str, "git_branch": str, "client_version": str,
    "progress": {"phase": str, "calls": int, "files": int, "time": str},
    "decisions": [{"kind": str, "subject": str, "answer": str, "time": str}],
    "failures": [{"command": str, "exit_code": int, "output": str, "times": int, "time": str}],
    "background": [{"kind": str, "what": str, "task_id": str, "time": str}],
    "summary": str, "compactions": int,
}  # fmt: skip
_GIT = {"branch": str, "head": str, "status": [str], "diff": str}
RECORD = {
    "version": int, "id": str, "t_utc": _is_time, "memguard_version": str, "project_key": str,
    "session_id": _is_session,
    "conversation": CONVERSATION,
    "process": _PROCESS,
    "project": {"cwd": str, "git": _GIT, "open_files": [str]},
    "restart": {
        "reason": str, "guard": str, "ticket": str, "attempts": [{"t_utc": _is_time, "reason": str}]
    },
    "privacy": _is_privacy, "transcripts": [_TRANSCRIPT], "missing": [str],
}  # fmt: skip
ARCHIVED_STREAMS = {_ANY: {"commitment": _is_commitment, "plain_bytes": int}}


def is_record(value: object) -> bool:
    """Whether `value` has the shape of a record, and no two of its transcripts one name."""
    if not fits(value, RECORD):
        return False
    names = [part["name"] for part in value["transcripts"]]  # type: ignore[index]  # it fits
    return len(names) == len(set(names))


def fits(value: object, shape: object) -> bool:
    """Whether `value` is what `shape` says; an object may have other entries, too."""
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(entry, shape[0]) for entry in value)
    if isinstance(shape, dict) and _ANY in shape:
        return isinstance(value, dict) and all(fits(entry, shape[_ANY]) for entry in value.values())
    if isinstance(shape, dict):
        return isinstance(value, dict) and all(name in value and fits(value[name], shape[name]) for name in shape)
    if shape is int:
        return type(value) is int and abs(value) <= _LARGEST
    return isinstance(value, shape) if isinstance(shape, type) else bool(shape(value))  # type: ignore[operator]
