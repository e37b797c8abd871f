"""What a capture is asked for, from its command line.

Read by hand: a project's key may begin with a dash (`-home-me-project`), which argparse takes for an option.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from memguard.core.errors import UsageError
from memguard.core.identity import ProcessId
from memguard.core.layout import is_plain_id
from memguard.core.log import printable
from memguard.state.redact import redact_text

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = frozenset(
    (
        "--state",
        "--project-key",
        "--reason",
        "--session",
        "--transcript",
        "--cwd",
        "--client",
        "--guard",
        "--handoff",
        "--timings",
        "--wanted",
    )
)
_HINT = "see `memguard snapshot --help`"
_REASON_CHARS = 300


class CaptureRequest:
    """Checked: the state folder is absolute, ids are plain, the reason is one line without secrets."""

    __slots__ = (
        "client", "cwd", "guard_dir", "is_timed", "mark", "project_key", "reason", "session_id", "state_dir", "ticket",
        "transcript",
    )  # fmt: skip

    def __init__(self, values: dict[str, str]) -> None:
        self.state_dir = _absolute(values, "--state", required=True)
        self.project_key = _project_key(values.get("--project-key", ""))
        self.reason = printable(redact_text(values.get("--reason", "")), _REASON_CHARS)
        self.session_id = _plain_id(values, "--session")
        self.transcript = values.get("--transcript", "")
        self.cwd = values.get("--cwd", "")
        self.client = _client(values.get("--client", ""))
        self.guard_dir = _absolute(values, "--guard")
        self.ticket = _plain_id(values, "--handoff")
        self.mark = _absolute(values, "--wanted")
        self.is_timed = bool(values.get("--timings"))
        if self.ticket and not self.guard_dir:
            raise UsageError("--handoff needs --guard", _HINT)


def parse_request(argv: Sequence[str]) -> CaptureRequest:
    """Names and values in turn; UsageError for anything else."""
    names, values = argv[::2], argv[1::2]
    unknown = [name for name in names if name not in NAMES]
    if unknown or len(names) != len(values):
        raise UsageError(f"the capture worker does not know {printable(' '.join(unknown) or names[-1], 80)!r}", _HINT)
    return CaptureRequest(dict(zip(names, values, strict=True)))


def _absolute(values: dict[str, str], name: str, required: bool = False) -> str:
    path = values.get(name, "")
    if (path or required) and (not os.path.isabs(path) or "\0" in path):
        raise UsageError(f"{name} takes an absolute path", _HINT)
    return path


def _plain_id(values: dict[str, str], name: str) -> str:
    value = values.get(name, "")
    if value and not is_plain_id(value):
        raise UsageError(f"{name} takes an id of at most 64 letters, digits and dashes", _HINT)
    return value


def _project_key(key: str) -> str:
    """A folder's name below the state folder, and nothing that leads elsewhere."""
    if not key or key in (".", "..") or "/" in key or "\\" in key or not key.isprintable():
        raise UsageError("--project-key takes a project's key", _HINT)
    return key


def _client(text: str) -> ProcessId | None:
    try:
        return ProcessId.from_text(text) if text else None
    except ValueError:
        raise UsageError("--client takes a process id as memguard writes them", _HINT) from None
