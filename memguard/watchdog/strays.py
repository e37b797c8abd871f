"""What has left the client's tree where nothing holds the session together: no control group, and no launcher.

Found by memory (who was once seen in the tree) and by the session's id in the environment, which children inherit; not
found is what cleared its environment and was never seen.
"""

import time

from memguard.core.identity import ProcessId
from memguard.host import current
from memguard.host.containment.base import PROCESS_TREE
from memguard.host.environment import marks_of
from memguard.host.identity import process_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.watchdog.guarded_session import GuardedSession

# A scan takes 12 ms with 490 processes. Only a tool leaves strays, so it is made while one runs, and once more after.
_SCAN_S = 5.0


class Strays:
    """The pids of one session's strays, for each reading."""

    __slots__ = ("_is_settled", "_judged", "_scanned_s", "_session")

    def __init__(self, session: "GuardedSession") -> None:
        self._session = session
        self._judged: dict[tuple[int, int], bool] = {}  # pid and start ticks: whether it is the session's
        self._scanned_s = float("-inf")
        self._is_settled = False  # scanned since the last call was over

    def pids(self) -> "list[int]":
        """Those that live, also some that are in the tree."""
        session = self._session
        if session.containment.mechanism != PROCESS_TREE:
            return []
        is_due = session.activity.in_flight or not self._is_settled
        if is_due and time.monotonic() - self._scanned_s >= _SCAN_S:
            self._scan()
        remembered = [who.pid for who in session.subject.lineage.living()]
        return remembered + [who.pid for who in self._living() if who.pid not in remembered]

    def _scan(self) -> None:
        """Ask whoever has come since the last scan; an environment is read once."""
        self._scanned_s = time.monotonic()
        self._is_settled = not self._session.activity.in_flight
        ids, client_pid = set(self._session.session_ids()), self._session.subject.client.pid
        keys = {(row.pid, row.start_ticks) for row in current.scan().values() if not row.ended}
        known = {key: is_own for key, is_own in self._judged.items() if key in keys}
        self._judged = known | {key: _is_of(key[0], ids, client_pid) for key in keys - known.keys()}

    def _living(self) -> "list[ProcessId]":
        own = [key for key, is_own in self._judged.items() if is_own]
        return [process_id(pid, ticks) for pid, ticks in own if current.start_ticks(pid) == ticks]


def _is_of(pid: int, session_ids: "set[str]", client_pid: int) -> bool:
    """Whether this very client has started it: another one may have resumed the same session."""
    marks = marks_of(pid)
    return marks.session_id in session_ids and marks.client_pid == client_pid
