"""memguard, the memory guardian for Claude Code.

What a program uses is importable from here (docs/library.md) and loaded when it is asked for: a hook imports this
module on every event, and pays for none of it.
"""

__version__ = "0.1.0"

_LIBRARY = "memguard.library."
_HOMES = {
    "CompleteState": _LIBRARY + "complete_state",
    "CapturedProcess": _LIBRARY + "complete_state",
    "ConversationState": _LIBRARY + "complete_state",
    "DegradationMode": _LIBRARY + "modes",
    "GracefulDegradation": _LIBRARY + "graceful_degradation",
    "HealthMetrics": "memguard.health",
    "HealthMonitor": "memguard.health",
    "MemoryAwareRunner": _LIBRARY + "memory_aware_runner",
    "MemoryGuardian": _LIBRARY + "memory_guardian",
    "MemoryGuardianConfig": _LIBRARY + "guardian_config",
    "MemoryInfo": _LIBRARY + "memory_info",
    "MemoryState": _LIBRARY + "modes",
    "MemoryThresholds": _LIBRARY + "guardian_config",
    "MonitoringConfig": _LIBRARY + "guardian_config",
    "PlatformOverrides": _LIBRARY + "guardian_config",
    "ProcessState": _LIBRARY + "modes",
    "ProjectState": _LIBRARY + "complete_state",
    "RestartNotice": _LIBRARY + "restart_notice",
    "RestartPolicy": _LIBRARY + "guardian_config",
    "RestartProtection": _LIBRARY + "restart_protection",
    "RestartState": _LIBRARY + "complete_state",
    "StateManager": _LIBRARY + "state_manager",
    "restart_notice": _LIBRARY + "restart_notice",
}
__all__ = ["__version__", *_HOMES]  # noqa: PLE0604  each of them is a text


def __getattr__(name: str) -> object:
    """Load what is asked for. AttributeError for any other name."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'memguard' has no attribute {name!r}")
    import importlib  # not for a hook

    value = getattr(importlib.import_module(home), name)
    # What is there needs not be asked for again; a submodule of the same name would otherwise stand in its place.
    globals()[name] = value
    return value


def __dir__() -> "list[str]":
    return [*globals(), *_HOMES]
