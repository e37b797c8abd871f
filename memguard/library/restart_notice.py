"""What a program reads that a runner has started again: which restart it is, and which conversation to go on with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from memguard.core.layout import is_plain_id
from memguard.core.log import printable

_RESTARTS, _REASON = "MEMGUARD_LIBRARY_RESTARTS", "MEMGUARD_LIBRARY_REASON"
_SESSION, _STATE = "MEMGUARD_LIBRARY_SESSION", "MEMGUARD_LIBRARY_STATE"


@dataclass(frozen=True)
class RestartNotice:
    """The n-th restart. `session_id` is the Claude session to resume, `state_id` the snapshot; each may be empty."""

    restarts: int
    reason: str = ""
    session_id: str = ""
    state_id: str = ""

    def variables(self) -> dict[str, str]:
        """As the next process gets it."""
        return {
            _RESTARTS: str(self.restarts), _REASON: printable(self.reason, 200), _SESSION: self.session_id,
            _STATE: self.state_id,
        }  # fmt: skip


def restart_notice(environ: Mapping[str, str] | None = None) -> RestartNotice | None:
    """The notice for this very process; None where it was not started again."""
    variables = os.environ if environ is None else environ
    restarts = variables.get(_RESTARTS, "")
    if not (restarts.isascii() and restarts.isdecimal() and len(restarts) < 10 and int(restarts)):
        return None
    session_id, state_id = variables.get(_SESSION, ""), variables.get(_STATE, "")
    return RestartNotice(
        int(restarts), variables.get(_REASON, ""), session_id if is_plain_id(session_id) else "",
        state_id if is_plain_id(state_id) else "",
    )  # fmt: skip
