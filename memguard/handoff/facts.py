"""What the watchdog noted of a restart: read with doubt, since it is a file, and holds names of foreign processes."""

from __future__ import annotations

import json
import math
import os
from typing import Any

from memguard.core.log import printable
from memguard.core.ticket import FRESH, RESUME, STRATEGIES

ASKED_FOR = "asked for by the person"  # as guard.ruleset notes it
_LIMITS = ("warning", "critical", "emergency", "host budget")
_PREDICTED_LIMITS = ("critical", "emergency", "host")  # as guard.resume_footprint names them
_LONGEST_FACTS = 1048576


class Facts:
    """The facts of one restart. Anything missing, or of another kind than expected, is 0 or empty."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values
        self.reason = self.text("reason", 300)
        self.limit_name = self.choice("limit_name", _LIMITS)
        self.limit_bytes = self.number("limit_bytes")
        self.footprint_bytes = self.number("footprint_bytes")
        self.confirmed_bytes = self.number("confirmed_bytes")
        self.t_utc = self.number("t_utc")
        self.is_forced = values.get("forced") is True
        self.strategy = self.choice("strategy", STRATEGIES)
        self.is_refused = False
        self.torn_bytes = self.number("torn_bytes")
        self.transcript_bytes = self.number("transcript_bytes")
        self.predicted_bytes = self.number("predicted_bytes")
        self.predicted_limit = self.choice("predicted_limit", _PREDICTED_LIMITS)
        self.predicted_limit_bytes = self.number("predicted_limit_bytes")
        self.attempt = self.number("attempt")
        self.max_attempts = self.number("max_attempts")
        self.snapshot = self.text("snapshot", 64)
        self.snapshot_missing = self.text("snapshot_missing", 300)
        self.ended = self.records("ended")
        self.spared = self.records("spared")
        self.in_flight = self.records("in_flight")

    def began_as(self, source: str) -> None:
        """Take in how the client began: a new conversation where it was to resume one means that it refused that."""
        if source == "startup" and self.strategy == RESUME:
            self.strategy, self.is_refused = FRESH, True

    @property
    def size_bytes(self) -> int:
        """The footprint that the restart rests on: the confirmed one where there is one."""
        return self.confirmed_bytes or self.footprint_bytes

    @property
    def is_asked_for(self) -> bool:
        """Whether the person asked for this restart: then no limit was the reason."""
        return self.reason == ASKED_FOR

    @property
    def is_known(self) -> bool:
        """Whether there are any facts."""
        return bool(self._values)

    def text(self, name: str, most: int) -> str:
        """One line of text."""
        value = self._values.get(name)
        return printable(value, most) if isinstance(value, str) else ""

    def choice(self, name: str, among: tuple[str, ...]) -> str:
        """One of a few words: those go into sentences without quotes."""
        value = self._values.get(name)
        return value if isinstance(value, str) and value in among else ""

    def number(self, name: str) -> int:
        """A number that is not below zero."""
        return whole_number(self._values.get(name))

    def records(self, name: str) -> list[dict[str, Any]]:
        """A list of objects."""
        value = self._values.get(name)
        return [record for record in value if isinstance(record, dict)] if isinstance(value, list) else []


def whole_number(value: object) -> int:
    """`value` as a whole number that is not below zero; 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return 0
    return max(0, int(value))


def read_facts(path: str) -> Facts:
    """The facts at `path`; without any where the file is missing or torn."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            values = json.loads(file.read(_LONGEST_FACTS))
    except (OSError, ValueError, RecursionError):
        values = {}
    return Facts(values if isinstance(values, dict) else {})
