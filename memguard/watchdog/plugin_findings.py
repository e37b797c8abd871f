"""What detectors found: recorded, and where they want it, the session is saved."""

import time

from memguard.core.log import described, printable
from memguard.watchdog.capture import capture_detached

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from memguard.watchdog.guarded_session import GuardedSession

# A capture takes a second of a core, and memory: a detector that fires at each reading must not keep the host busy.
SNAPSHOT_EVERY_S = 60.0
# Readings come up to a hundred times a second while something grows; a detector has time to think.
READING_EVERY_S = 1.0
# What is found at each reading is recorded so often.
SAME_AGAIN_S = 60.0
_LONGEST = 200
_MOST_PARTS = 20  # of 150 bytes each: a packet has 4096


class Detection:
    """Readings for the detectors of one session, and what follows from their findings."""

    def __init__(self, session: "GuardedSession") -> None:
        self._session = session
        self._read_s = float("-inf")
        self._captured_s = float("-inf")
        self._told_s: dict[tuple[str, str], float] = {}

    def reading(self) -> "dict[str, object] | None":
        """The session as it was just read; None where the last one was given a moment ago."""
        now_s = time.monotonic()
        if now_s - self._read_s < READING_EVERY_S:
            return None
        self._read_s = now_s
        session, limits = self._session, self._session.settings.thresholds
        return {
            "t_utc": round(time.time(), 3), "session": session.activity.session_id,
            "client_pid": session.subject.client.pid, "state": session.subject.state,
            "footprint_bytes": session.subject.held_bytes(), "warning_bytes": limits.warning_bytes,
            "critical_bytes": limits.critical_bytes, "emergency_bytes": limits.emergency_bytes,
            "parts": described_parts(session),
        }  # fmt: skip

    def record(self, finding: "dict[str, Any]") -> None:
        """Write down what a plugin has found; it may have sent anything."""
        plugin, summary = finding.get("plugin"), finding.get("summary")
        if not isinstance(plugin, str) or not isinstance(summary, str):
            return
        plugin, summary = printable(plugin, _LONGEST), printable(summary, _LONGEST)
        session, now_s = self._session, time.monotonic()
        if now_s - self._told_s.get((plugin, summary), float("-inf")) >= SAME_AGAIN_S:
            self._told_s = {told: told_s for told, told_s in self._told_s.items() if now_s - told_s < SAME_AGAIN_S}
            self._told_s[plugin, summary] = now_s
            session.journal.event("plugin_finding", plugin=plugin, summary=summary, session=session.activity.session_id)
        if finding.get("wants_snapshot") is True and now_s - self._captured_s >= SNAPSHOT_EVERY_S:
            self._captured_s = now_s
            try:
                capture_detached(session, f"a finding of the plugin {plugin}")
            except OSError as error:
                session.journal.log(f"no capture for the plugin {plugin}: {described(error)}")


def described_parts(session: "GuardedSession") -> "list[dict[str, object]]":
    """The parts of a session for plugins, the largest first; of very many, the largest."""
    sized = [(session.subject.share_bytes(part), part) for part in session.parts.now]
    largest = sorted(sized, key=lambda found: -found[0])[:_MOST_PARTS]
    return [
        {
            "pid": part.root.pid, "kind": part.kind, "name": part.name[:40], "footprint_bytes": size_bytes,
            "rate_bytes_per_s": round(part.rate_bytes_per_s, 1),
        }
        for size_bytes, part in largest
    ]  # fmt: skip
