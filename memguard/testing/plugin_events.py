"""What plugins are told and asked, for tests of them: one of each event, a reading, and the three questions."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from memguard.plugins.context import PluginContext
from memguard.plugins.events import Event, event_of
from memguard.plugins.findings import Reading
from memguard.plugins.parts import PartView
from memguard.plugins.questions import CulpritQuestion, DigestQuestion, StrategyQuestion
from memguard.testing.handoff_facts import handoff_facts

if TYPE_CHECKING:
    import os

_MB = 1024 * 1024
_SESSION = "0f3c1d9e-7a55-4b62-9a0e-3d1c5b7e9f10"
_COMMON = {
    "t_utc": 1764000000.5, "guard": "5b1e0c77aa12d3f4", "project": "/home/me/work", "session": _SESSION,
    "client_pid": 4711,
}  # fmt: skip
_OWN: dict[str, dict[str, Any]] = {
    "monitoring_started": {"pid": 4700},
    "memory_warning": {"state": "WARNING", "footprint_bytes": 900 * _MB, "limit_bytes": 800 * _MB},
    "memory_threshold_exceeded": {"state": "CRITICAL", "footprint_bytes": 1100 * _MB, "limit_bytes": 1000 * _MB},
    "state_captured": {"snapshot": "20261123T082421Z-53a4a1", "seconds": 0.8},
    "restart_initiated": {
        "reason": "footprint over the critical limit", "attempt": 1, "footprint_bytes": 1100 * _MB,
        "snapshot": "20261123T082421Z-53a4a1", "strategy": "resume",
    },
    "state_restored": {"strategy": "resume", "generation": 1},
    "restart_completed": {"footprint_bytes": 300 * _MB, "limit_bytes": 1000 * _MB, "helped": True, "generation": 1},
    "restart_failed": {"why": "3 restarts within 60 min: no more of them", "attempt": 0},
    "monitoring_stopped": {"pid": 4700},
}  # fmt: skip
# As they stand in a project's `events.jsonl`, with what a plugin is told besides.
SAMPLE_LINES: dict[str, dict[str, Any]] = {name: {**_COMMON, "event": name, **own} for name, own in _OWN.items()}

PARTS = (
    PartView(pid=4711, kind="client", name="claude", footprint_bytes=300 * _MB),
    PartView(pid=4750, kind="tool", name="Bash", footprint_bytes=700 * _MB, rate_bytes_per_s=50.0 * _MB),
    PartView(pid=4760, kind="mcp", name="browser", footprint_bytes=100 * _MB),
)


def sample_events() -> list[Event]:
    """One of each kind, in the order of a session that is restarted once."""
    return [event_of(line) for line in SAMPLE_LINES.values()]


def sample_reading() -> Reading:
    """A session over its critical limit, because of a tool."""
    return Reading(
        t_utc=1764000000.5, session=_SESSION, client_pid=4711, state="CRITICAL", footprint_bytes=1100 * _MB,
        warning_bytes=800 * _MB, critical_bytes=1000 * _MB, emergency_bytes=1200 * _MB, parts=PARTS,
    )  # fmt: skip


def culprit_question() -> CulpritQuestion:
    """The same session: the tool is memguard's own choice."""
    return CulpritQuestion(
        session=_SESSION, state="CRITICAL", footprint_bytes=1100 * _MB, limit_bytes=1000 * _MB, least_bytes=100 * _MB,
        own_choice=4750, parts=PARTS,
    )  # fmt: skip


def strategy_question() -> StrategyQuestion:
    """A session that memguard would resume."""
    return StrategyQuestion(
        session=_SESSION, state="CRITICAL", footprint_bytes=1100 * _MB, transcript_bytes=2 * _MB,
        predicted_bytes=400 * _MB, own_choice="resume",
    )  # fmt: skip


def digest_question() -> DigestQuestion:
    """With the facts that a summariser gets."""
    return DigestQuestion(facts=MappingProxyType(handoff_facts()))


def plugin_context(
    folder: str | os.PathLike[str], options: dict[str, Any] | None = None, name: str = "mine"
) -> PluginContext:
    """What a plugin is made with; its own folder is below `folder`."""
    return PluginContext(name=name, options=options or {}, state_dir=str(folder))
