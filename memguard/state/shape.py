"""Whether what was opened has the form of a snapshot's record: whoever has the public key can seal anything."""

from __future__ import annotations

_NUMBER = (int, float)
_SEGMENT = {"name": str, "start": int, "end": int, "plain_bytes": int, "sealed_bytes": int, "commitment": str}
_TRANSCRIPT = {
    "name": str, "path": str, "size_bytes": int, "redactions": int, "is_sealed": bool, "begun": str, "meta": str,
    "segments": [_SEGMENT],
}  # fmt: skip
_ANY = ""  # as a name: an object with any names, and values of this shape
_RUNNING = {"pid": int, "name": str, "command": str, "footprint_bytes": int}
_PROCESS = {
    "id": str, "pid": int, "started_utc": _NUMBER, "command": [str], "environment": {_ANY: str}, "tree": [_RUNNING],
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
    "version": int, "id": str, "t_utc": _NUMBER, "memguard_version": str, "project_key": str, "session_id": str,
    "conversation": CONVERSATION,
    "process": _PROCESS,
    "project": {"cwd": str, "git": _GIT, "open_files": [str]},
    "restart": {
        "reason": str, "guard": str, "ticket": str, "attempts": [{"t_utc": _NUMBER, "reason": str}]
    },
    "privacy": str, "transcripts": [_TRANSCRIPT], "missing": [str],
}  # fmt: skip
ARCHIVED_STREAMS = {_ANY: {"commitment": str, "plain_bytes": int}}


def fits(value: object, shape: object) -> bool:
    """Whether `value` is of the type that `shape` is, or a list of such, or an object with such entries and others."""
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(entry, shape[0]) for entry in value)
    if isinstance(shape, dict) and _ANY in shape:
        return isinstance(value, dict) and all(fits(entry, shape[_ANY]) for entry in value.values())
    if isinstance(shape, dict):
        return isinstance(value, dict) and all(name in value and fits(value[name], shape[name]) for name in shape)
    return isinstance(value, shape)  # type: ignore[arg-type]  # a type, or a tuple of them
