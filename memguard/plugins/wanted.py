"""Which events a plugin that tells somebody tells of, and in which words."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from memguard.core.log import printable
from memguard.core.units import format_size
from memguard.plugins.context import OptionError
from memguard.plugins.events import (
    Event,
    MemoryThresholdExceeded,
    MemoryWarning,
    RestartCompleted,
    RestartFailed,
    RestartInitiated,
)

if TYPE_CHECKING:
    from memguard.plugins.context import PluginContext

# What a person wants to hear of unasked: not that a session began, nor each snapshot.
DEFAULT_EVENTS = ("memory_warning", "restart_initiated", "restart_completed", "restart_failed", "plugin_disabled")
ALL_EVENTS = "*"


def wanted_events(context: PluginContext) -> frozenset[str]:
    """The option `events`: names, or `*` for every event. Raises OptionError where it is no list of texts."""
    names = context.texts("events", DEFAULT_EVENTS)
    if not all(name == ALL_EVENTS or name.isidentifier() for name in names):
        raise OptionError("events holds what is no event's name", f"correct [plugins.{context.name}]")
    return frozenset(names)


def is_wanted(event: Event, wanted: frozenset[str]) -> bool:
    """Whether it is one of them."""
    return event.event in wanted or ALL_EVENTS in wanted


def sentence(event: Event) -> str:
    """One line for a person."""
    if isinstance(event, MemoryWarning | MemoryThresholdExceeded):
        if isinstance(event, MemoryThresholdExceeded) and event.would:
            return f"would {event.would}: {event.reason}"
        return f"a session holds {format_size(event.footprint_bytes)}: {event.state}"
    if isinstance(event, RestartInitiated):
        return f"restarting a session of {format_size(event.footprint_bytes)}: {event.reason}"
    if isinstance(event, RestartCompleted):
        return f"restarted; the session now holds {format_size(event.footprint_bytes)}"
    if isinstance(event, RestartFailed):
        return f"a session was not restarted: {event.why}"
    return event.event.replace("_", " ")


def title(event: Event) -> str:
    """Which project it is about."""
    project = os.path.basename(event.project)
    return f"memguard: {printable(project, 60)}" if project else "memguard"
