"""The two decisions that a watchdog lets plugins take, each checked against what memguard itself has found."""

import time

from memguard.core.log import printable
from memguard.core.part import CLIENT
from memguard.core.thresholds import EMERGENCY
from memguard.core.ticket import FRESH, RESUME
from memguard.watchdog.plugin_findings import described_parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from memguard.core.part import Part
    from memguard.watchdog.guarded_session import GuardedSession
    from memguard.watchdog.plugin_pipe import PluginPipe

# A session that is over its limit is looked at many times a second; what a plugin said of the same parts holds so long.
_HOLDS_S = 5.0
_HOLDS_URGENT_S = 1.0
# A restart that protection refuses is tried again every 15 s.
_STRATEGY_HOLDS_S = 60.0
_PIDS = 1 << 31


class PluginDecisions:
    """What the plugins of one session decide."""

    def __init__(self, session: "GuardedSession", pipe: "PluginPipe") -> None:
        self._session = session
        self._pipe = pipe
        self._culprit_key: object = None
        self._culprit_until_s = 0.0
        self._culprit: Part | None = None
        self._strategy: tuple[tuple[int, str], float, str] | None = None  # for what, until when, which

    def culprit(self, own: "Part | None", candidates: "list[Part]", least_bytes: int) -> "Part | None":
        """The part that is to go, instead of memguard's `own` choice: one of `candidates`, or the client."""
        if "choose_culprit" not in self._pipe.hooks or not candidates:
            return own
        state, now_s = self._session.subject.state, time.monotonic()
        key = (state, tuple(part.root for part in candidates), own and own.root)
        if key != self._culprit_key or now_s >= self._culprit_until_s:
            self._culprit = None
            try:
                self._culprit = self._asked_culprit(own, candidates, least_bytes)
            except Exception as error:  # noqa: BLE001  an answer may be anything
                self._pipe.give_up_after(error)
            self._culprit_key = key
            self._culprit_until_s = time.monotonic() + (_HOLDS_URGENT_S if state == EMERGENCY else _HOLDS_S)
        return self._culprit or own

    def _asked_culprit(self, own: "Part | None", candidates: "list[Part]", least_bytes: int) -> "Part | None":
        """The plugin's choice, where it is one that may be made; None for memguard's own."""
        session = self._session
        question: dict[str, object] = {
            "session": session.activity.session_id, "state": session.subject.state,
            "footprint_bytes": session.subject.confirmed_bytes,
            "limit_bytes": session.settings.thresholds.limit_of(session.subject.state), "least_bytes": least_bytes,
            "own_choice": own.root.pid if own else 0, "parts": described_parts(session),
        }  # fmt: skip
        plugin, value = self._pipe.ask("choose_culprit", question, session.subject.state)
        if not plugin:
            return None
        client = [part for part in session.parts.now if part.kind == CLIENT]
        enough = [part for part in candidates if session.subject.share_bytes(part) >= least_bytes]
        chosen = next((part for part in (*enough, *client) if part.root.pid == value), None)
        self._note(plugin, "choose_culprit", value, is_taken=chosen is not None)
        return chosen

    def strategy(self, own: str, facts: "dict[str, object]") -> str:
        """RESUME or FRESH, instead of memguard's `own` choice; empty where no plugin decides."""
        session = self._session
        key = (session.generation, own)
        if self._strategy and self._strategy[0] == key and time.monotonic() < self._strategy[1]:
            return self._strategy[2]
        try:
            return self._asked_strategy(key, facts)
        except Exception as error:  # noqa: BLE001  an answer may be anything
            self._pipe.give_up_after(error)
            return ""

    def _asked_strategy(self, key: "tuple[int, str]", facts: "dict[str, object]") -> str:
        """The plugin's choice, where there is such a strategy; empty for memguard's own, which is in the key."""
        session = self._session
        question = {
            "session": session.activity.session_id, "state": session.subject.state,
            "footprint_bytes": session.subject.confirmed_bytes, "own_choice": key[1], **facts,
        }  # fmt: skip
        plugin, value = self._pipe.ask("choose_strategy", question, session.subject.state)
        if not plugin:
            return ""
        is_taken = value in (RESUME, FRESH)
        self._strategy = (key, time.monotonic() + _STRATEGY_HOLDS_S, str(value) if is_taken else "")
        self._note(plugin, "choose_strategy", value, is_taken=is_taken)
        return self._strategy[2]

    def _note(self, plugin: str, decision: str, value: "Any", *, is_taken: bool) -> None:
        is_pid = isinstance(value, int) and 0 <= value < _PIDS
        answer = value if is_pid else printable(value, 64) if isinstance(value, str) else f"({type(value).__name__})"
        self._session.journal.event(
            "plugin_decided", plugin=plugin, decision=decision, answer=answer, taken=is_taken,
            session=self._session.activity.session_id,
        )  # fmt: skip
