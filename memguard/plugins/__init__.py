"""Plugins: what a person adds to memguard. What their authors need is here; see docs/writing-a-plugin.md.

They run in a process of their own, the plugin worker, and nowhere else: neither hooks nor the watchdog import this.
"""

from memguard.plugins.context import OptionError, PluginContext
from memguard.plugins.events import (
    Event,
    MemoryThresholdExceeded,
    MemoryWarning,
    MonitoringStarted,
    MonitoringStopped,
    RestartCompleted,
    RestartFailed,
    RestartInitiated,
    StateCaptured,
    StateRestored,
)
from memguard.plugins.findings import Finding, Reading
from memguard.plugins.hookspecs import hookimpl
from memguard.plugins.parts import PartView
from memguard.plugins.questions import CulpritQuestion, DigestQuestion, StrategyQuestion

__all__ = [
    "CulpritQuestion",
    "DigestQuestion",
    "Event",
    "Finding",
    "MemoryThresholdExceeded",
    "MemoryWarning",
    "MonitoringStarted",
    "MonitoringStopped",
    "OptionError",
    "PartView",
    "PluginContext",
    "Reading",
    "RestartCompleted",
    "RestartFailed",
    "RestartInitiated",
    "StateCaptured",
    "StateRestored",
    "StrategyQuestion",
    "hookimpl",
]
