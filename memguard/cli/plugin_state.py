"""What a watchdog says of the plugins of its session, as commands show it."""

from memguard.config.shown import shown


def plugins_in(status: dict[str, object]) -> list[dict[str, object]]:
    """The plugins in a watchdog's status, cleaned for the terminal; odd entries are left out."""
    listed = status.get("plugins")
    return [_cleaned(entry) for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []


def _cleaned(entry: dict[str, object]) -> dict[str, object]:
    texts = {name: shown(entry.get(name, "")) for name in ("name", "failed_in", "why")}
    figures = {name: entry.get(name, 0) for name in ("calls", "total_ms", "longest_ms")}
    return texts | {name: value if isinstance(value, int | float) else 0 for name, value in figures.items()}


def failure_text(entry: dict[str, object]) -> str:
    """`DISABLED in restart_failed: ValueError at hook.py:3`."""
    where = "at its start" if entry["failed_in"] == "start" else f"in {entry['failed_in']}"
    return f"DISABLED {where}: {entry['why']}"
