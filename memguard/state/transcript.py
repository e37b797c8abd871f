"""The client's transcript: which file may be read. Where the lines are that matter is the index's part.

Layout, as the client writes it: one JSON object per line; `type` user or assistant; `message.content` text or blocks.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from memguard.core.errors import ClientError
from memguard.state.files import NO_FOLLOW, shown
from memguard.state.line_index import LineIndex

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LineIndex", "config_dir", "open_transcript"]

_HINT = "memguard reads only what the client itself keeps under its projects folder"


def config_dir(environment: Mapping[str, str]) -> str:
    """The client's own folder, by the client's own environment."""
    named = environment.get("CLAUDE_CONFIG_DIR", "")
    return named or os.path.join(environment.get("HOME") or os.path.expanduser("~"), ".claude")


def open_transcript(path: str, config: str) -> int:
    """A descriptor of the transcript at `path`, which must be a plain file under `<config>/projects/`.

    Raises ClientError for a link, a file elsewhere, or none at all.
    """
    if "\0" in path:
        raise ClientError("the transcript's path holds a NUL", _HINT)
    folder, name = os.path.split(path)
    projects = os.path.realpath(os.path.join(config, "projects"))
    inside = os.path.realpath(folder)
    if not os.path.isabs(path) or os.path.commonpath([inside, projects]) != projects:
        raise ClientError(f"the transcript {shown(path)} is outside the client's folder {shown(projects)}", _HINT)
    try:
        descriptor = os.open(os.path.join(inside, name), os.O_RDONLY | NO_FOLLOW | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        is_link = os.path.islink(path)
        why = "is a link" if is_link else f"can't be read: {error.strerror}"
        raise ClientError(
            f"the transcript {shown(path)} {why}", _HINT if is_link else "it may not be written yet"
        ) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ClientError(f"the transcript {shown(path)} is not a plain file", _HINT)
    return descriptor
