"""Which variables of a client's environment a restored session gets back: those of a list, and no others."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# How the person reads and writes, and which model they talk to. Never what says which program is run or what is loaded
# into it (PATH, LD_*, NODE_OPTIONS, PYTHON*), whom the client speaks to (*_BASE_URL, *_PROXY), nor any secret.
NAMES = frozenset(
    ("LANG", "LANGUAGE", "TZ", "NO_COLOR", "FORCE_COLOR", "COLORTERM", "ANTHROPIC_MODEL", "MAX_THINKING_TOKENS",
     "CLAUDE_CODE_MAX_OUTPUT_TOKENS", "CLAUDE_CODE_DISABLE_TERMINAL_TITLE", "DISABLE_AUTOUPDATER", "DISABLE_TELEMETRY")
)  # fmt: skip
_BEGINNINGS = ("LC_",)
_PLACEHOLDER = "[redacted:"


def restorable(environment: Mapping[str, str], more: Iterable[str] = ()) -> dict[str, str]:
    """What of a snapshot's environment goes into a new session; `more` are names that the person has given.

    What was redacted stays away: a placeholder is no value. So does what no process can be given: a record that came
    from elsewhere may name anything.
    """
    names = NAMES | frozenset(more)
    return {
        name: value
        for name, value in environment.items()
        if (name in names or name.startswith(_BEGINNINGS)) and _PLACEHOLDER not in value and _can_be_set(name, value)
    }


def _can_be_set(name: str, value: str) -> bool:
    """Half of a surrogate pair, which a JSON text can hold, has no bytes."""
    try:
        entry = os.fsencode(f"{name}={value}")
    except UnicodeEncodeError:
        return False
    return bool(name) and "=" not in name and b"\0" not in entry
