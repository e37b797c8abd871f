"""The pairs of `[health]`, `[log]` and `[limits]` in a compiled file: what isn't set isn't there."""

from memguard.config.model import MEGABYTE_BYTES, HealthConfig, LimitsConfig, MemoryGuardianConfig


def host_pairs(config: MemoryGuardianConfig) -> dict[str, object]:
    """In bytes, seconds and percent."""
    log = {"log_level": config.log.level.upper(), "log_format": config.log.format}
    return log | _health(config.health) | _limits(config.limits)


def _health(health: HealthConfig) -> dict[str, object]:
    if not health.enabled:
        return {"health": 0}
    pairs: dict[str, object] = {"health": 1, "health_interval_s": _number(health.interval)}
    pairs["disk_free_bytes"] = health.disk_free * MEGABYTE_BYTES
    for name in ("disk_usage_percent", "cpu_percent", "load_per_cpu"):
        if getattr(health, name) is not None:
            pairs[name] = _number(getattr(health, name))
    return pairs


def _limits(limits: LimitsConfig) -> dict[str, object]:
    pairs: dict[str, object] = {"tool_nice": limits.tool_nice} if limits.tool_nice else {}
    for name in ("tool_memory", "session_memory"):
        if getattr(limits, name) is not None:
            pairs[f"{name}_bytes"] = getattr(limits, name) * MEGABYTE_BYTES
    for name in ("tool_cpu_time", "session_cpu_time"):
        if getattr(limits, name) is not None:
            pairs[f"{name}_s"] = _number(getattr(limits, name))
    return pairs


def _number(value: float) -> float:
    return int(value) if value == int(value) else value
