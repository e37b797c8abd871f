"""How a session is taken up after a restart: the same conversation, or a new one with a digest of it."""

from memguard.core.layout import STARTS
from memguard.core.part import MCP
from memguard.core.settings import AUTO
from memguard.core.ticket import FRESH, RERUN, RESUME, Ticket
from memguard.guard.resume_footprint import Room, Verdict, judge, predict
from memguard.watchdog.mending import mend, take_back
from memguard.watchdog.start_ledger import StartLedger
from memguard.watchdog.transcript import has_message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.watchdog.guarded_session import GuardedSession

_ANY_SIZE = 1 << 62  # of a client whose size nobody knows
_UNKNOWN = -1


class TakingUp:
    """The choice for one restart. `verdict` is on resuming; `torn_bytes` were set aside for that."""

    def __init__(self, session: "GuardedSession") -> None:
        self._session = session
        self._activity = session.activity
        self.verdict = Verdict(0)
        self.torn_bytes = 0
        self._has_asked = False
        self._plugins_choice = ""  # once a plugin was asked and had one

    def strategy(self) -> str:
        """By what is on disk, the person's word, whether the last resume helped, and the prediction, in this order."""
        if not self._activity.session_id or not self._activity.has_conversation():
            return RERUN
        self.verdict = self._judge()
        wanted = self._session.settings.restart.strategy
        if wanted != AUTO:
            return FRESH if wanted == FRESH else RESUME
        own = FRESH if self._session.next_strategy == FRESH or self.verdict.limit else RESUME
        return self._plugins_word(own)

    def _plugins_word(self, own: str) -> str:
        """A plugin's choice, asked once a restart; memguard's `own` where there is none."""
        plugins = self._session.plugins
        if plugins and not self._has_asked:
            self._has_asked = True
            facts: dict[str, object] = {
                "transcript_bytes": self._activity.transcript_bytes(), "predicted_bytes": self.verdict.predicted_bytes,
                "predicted_limit": self.verdict.limit,
            }  # fmt: skip
            self._plugins_choice = plugins.decisions.strategy(own, facts)
        return self._plugins_choice or own

    def settle(self, ticket: Ticket) -> None:
        """The client is gone: its transcript is as long as it gets, and a killed client may not have come to its end.

        A ticket for a new session stays that: nothing that is known only now speaks against it.
        """
        self._session.resumption.is_open = False  # however it began, this is not how it refused anything
        asked, strategy = ticket.strategy, self.strategy()
        if asked == FRESH and strategy == RESUME:
            return
        ticket.strategy = self._made_readable() if strategy == RESUME and self._has_next() else strategy
        if ticket.strategy != asked:
            self._session.journal.event("strategy_changed", strategy=ticket.strategy, resume=self.verdict.text())

    def facts(self) -> "dict[str, object]":
        """For the one who reads about the restart."""
        return {
            "torn_bytes": self.torn_bytes,
            "transcript_bytes": self._activity.transcript_bytes(),
            "predicted_bytes": self.verdict.predicted_bytes,
            "predicted_limit": self.verdict.limit,
            "predicted_limit_bytes": self.verdict.limit_bytes,
        }

    def _made_readable(self) -> str:
        """Set aside what is torn; where no conversation is left without it, it is no use to resume."""
        self.torn_bytes = mend(self._session)
        if not self.torn_bytes or has_message(self._activity.transcript):
            return RESUME
        take_back(self._session)
        self.torn_bytes = 0
        return FRESH

    def _has_next(self) -> bool:
        """Whether the next client is still to be started: only then is nobody at the transcript."""
        relauncher = self._session.relauncher
        return not (relauncher and relauncher.has_started_next)

    def _judge(self) -> Verdict:
        """By the last reading: of a client that is gone by now, that is what it held when it was ended."""
        session = self._session
        starts = StartLedger(f"{session.project_dir}/{STARTS}").starts()
        reading, left_bytes = session.subject.reading, session.shortage.left_bytes
        servers = [part for part in session.parts.now if part.kind == MCP]
        room = Room(
            session.settings.thresholds,
            left_bytes + reading.footprint_bytes if left_bytes >= 0 else _UNKNOWN,
            _ANY_SIZE if reading.is_blind else reading.client_bytes or _ANY_SIZE,
            sum(part.footprint_bytes for part in servers),
        )
        return judge(predict(self._activity.transcript_bytes(), starts), room)
