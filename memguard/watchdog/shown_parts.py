"""The parts of a session as `memguard status` shows them."""

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.watchdog.guarded_session import GuardedSession

# The status file is written, and synced, when it changes: while a tool grows, readings are 10 ms apart.
_FRESH_S = 1.0
_MOST = 20


class ShownParts:
    """The list for `status.json`, largest first: ids, names and sizes only."""

    __slots__ = ("_list", "_made_s")

    def __init__(self) -> None:
        self._list: list[dict[str, object]] = []
        self._made_s = float("-inf")

    def of(self, session: "GuardedSession") -> "list[dict[str, object]]":
        """The parts of the last reading, or of one not much older."""
        now_s = time.monotonic()
        if now_s - self._made_s >= _FRESH_S:
            self._made_s, self._list = now_s, _described(session)
        return self._list


def _described(session: "GuardedSession") -> "list[dict[str, object]]":
    budgets = session.settings.tools
    return [
        {
            "kind": part.kind,
            "name": part.name,
            "call": part.call,
            "footprint_bytes": _rounded(part.footprint_bytes),
            "budget_bytes": budgets[part.budget_index].size_bytes if 0 <= part.budget_index < len(budgets) else 0,
        }
        for part in sorted(session.parts.now, key=lambda part: -part.footprint_bytes)[:_MOST]
    ]


def _rounded(size_bytes: int) -> int:
    """Two digits: what wavers by less is not news."""
    digits = str(size_bytes)
    return int(digits[:2].ljust(len(digits), "0"))
