"""The lines of memguard's log as entries, whichever format they were written in."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from memguard.core.log import LEVELS, WARNING, printable

_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line: when (Unix time in seconds; 0 where it doesn't say), how grave (one of LEVELS), and what."""

    t_utc: float
    level: str
    text: str

    def human(self) -> str:
        """For a terminal, in the person's own time zone."""
        when = datetime.fromtimestamp(self.t_utc).astimezone() if self.t_utc else None
        return f"{when:%Y-%m-%d %H:%M:%S} {self.level:8} {self.text}" if when else f"{self.level:8} {self.text}"

    def json(self) -> str:
        """For a program."""
        return json.dumps({"time": _stamp(self.t_utc), "level": self.level, "text": self.text})

    def is_at_least(self, level: str) -> bool:
        """Whether it is as grave as `level`, or more."""
        return LEVELS.index(self.level) >= LEVELS.index(level)


def entry_of(line: str) -> LogEntry | None:
    """The entry in a line; None for an empty one. What is no entry at all, as a torn line, is one without a time."""
    text = line.strip()
    if not text:
        return None
    return _of_json(text) if text.startswith("{") else _of_text(text)


def _of_text(text: str) -> LogEntry:
    """`2026-11-23T08:24:21Z ERROR text`; versions before 0.2 wrote no level."""
    stamp, _, rest = text.partition(" ")
    t_utc = _time(stamp)
    level, _, more = rest.partition(" ")
    if not t_utc:
        return LogEntry(0.0, WARNING, printable(text, _LONGEST))
    found = (level, more) if level in LEVELS else (WARNING, rest)
    return LogEntry(t_utc, found[0], printable(found[1], _LONGEST))


def _of_json(text: str) -> LogEntry:
    try:
        found = json.loads(text)
        level, what = str(found["level"]), str(found["text"])
        t_utc = _time(str(found["time"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return LogEntry(0.0, WARNING, printable(text, _LONGEST))
    return LogEntry(t_utc, level if level in LEVELS else WARNING, printable(what, _LONGEST))


def _time(stamp: str) -> float:
    try:
        return datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def _stamp(t_utc: float) -> str:
    return datetime.fromtimestamp(t_utc, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if t_utc else ""
