"""What a snapshot's plain facts say of the conversation that it holds: known without a key, and not to be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from memguard.state.about import WHOLE

if TYPE_CHECKING:
    from memguard.state.store import Store

_MOST_DIGITS = 16  # 2**53 has as many


class Holding(NamedTuple):
    """`main_bytes` of the session's own conversation, 0 where it holds none of it.

    `is_whole`: all that the client's file had. `is_replaced`: the file no longer had what was sealed of it before.
    """

    session: str
    main_bytes: int
    is_whole: bool
    is_replaced: bool


def holding(store: Store, snapshot_id: str) -> Holding:
    """Of one snapshot. The first forms say less: what they hold counts as whole, and all of it as the main one."""
    about = store.about(snapshot_id)
    return Holding(
        about.get("session", ""),
        _number(about.get("main_bytes", about.get("transcript_bytes", ""))),
        about.get("main", WHOLE) == WHOLE,
        about.get("main_replaced") == "1",
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else 0
