"""The configuration as hooks and watchdog read it: `name=value` lines, each value final."""

import os
import sys

from memguard.config.host_pairs import host_pairs
from memguard.config.load import LoadedConfig
from memguard.config.model import MEGABYTE_BYTES, PluginsConfig
from memguard.config.plugin_options import options_text
from memguard.config.shown import shown
from memguard.core.degradation import compiled_patterns
from memguard.core.errors import ConfigError, StateError
from memguard.core.layout import COMPILED, private_dir, project_dir, project_key, write_pairs
from memguard.core.tool_budgets import PAIR

# Of `[restart_policy]`, what is no time.
_COUNTS = ("max_attempts", "host_max_attempts", "cooldown_multiplier")


def compiled_pairs(root: str, runtime_dir: str, loaded: LoadedConfig, python: str = "") -> dict[str, object]:
    """The pairs of a compiled file, in bytes, seconds and days; `client` and `summariser` only where set."""
    config, limits = loaded.config, loaded.limits
    pairs: dict[str, object] = {
        "project": root,
        "runtime": runtime_dir,
        # Not resolved: a virtual environment's interpreter is a link, and finds its packages by its own path.
        "python": python or os.path.abspath(sys.executable),
        # For what a hook starts: its own environment can hold whatever a repository's settings say.
        "home": os.path.expanduser("~"),
        "path": os.environ.get("PATH", os.defpath),
        "mode": config.mode,
        "warning_bytes": limits.warning_bytes,
        "critical_bytes": limits.critical_bytes,
        "emergency_bytes": limits.emergency_bytes,
    }
    for name, value in config.restart_policy.model_dump(exclude={"strategy"}).items():
        pairs[name if name in _COUNTS else f"{name}_s"] = _number(value)
    pairs["restart_strategy"] = config.restart_policy.strategy
    pairs |= {f"{name}_s": _number(value) for name, value in config.monitoring.model_dump().items()}
    pairs |= {
        "privacy": config.privacy,
        "redaction_rules": config.snapshots.redaction_rules,
        "retention_days": config.snapshots.retention_days,
        "retention_count": config.snapshots.retention_count,
        "retention_bytes": config.snapshots.retention_size * MEGABYTE_BYTES,
    }
    degradation = config.degradation
    pairs |= compiled_patterns(degradation.read_only, degradation.emergency, is_enabled=degradation.enabled)
    pairs |= _tools_and_host(loaded) | _plugins(config.plugins) | host_pairs(config)
    named = {"client": config.client, "summariser": config.handoff.summariser}
    return pairs | {name: value for name, value in named.items() if value}


def _tools_and_host(loaded: LoadedConfig) -> dict[str, object]:
    config = loaded.config
    budgets = {
        f"{PAIR}{number}": f"{size_mb * MEGABYTE_BYTES} {pattern}"
        for number, (pattern, size_mb) in enumerate(config.tools.items())
    }
    return budgets | {
        "host_budget_bytes": loaded.host_budget_bytes,
        "containment": config.containment.mechanism,
        "tool_oom_score_adj": config.containment.tool_oom_score_adj,
        "respawn_in_tmux": int(config.watch.respawn_in_tmux),
        "end_client": int(config.watch.end_client),
    }


def _plugins(plugins: PluginsConfig) -> dict[str, object]:
    """Nothing at all where none is enabled: hooks read this file, too."""
    if not plugins.enabled:
        return {}
    options = {name: table for name, table in plugins.options.items() if name in plugins.enabled}
    return {
        "plugins": " ".join(plugins.enabled),
        "plugin_timeout_s": _number(plugins.timeout),
        "plugin_memory_bytes": plugins.memory * MEGABYTE_BYTES,
        "plugin_variables": " ".join(plugins.variables),
        "plugin_options": options_text(options),
    }


def _number(value: float) -> float:
    return int(value) if value == int(value) else value


def compile_project(root: str, state_dir: str, runtime_dir: str, loaded: LoadedConfig, python: str = "") -> str:
    """Write the project's compiled file, which also is what opts it in, and return its path."""
    folder = project_dir(state_dir, project_key(root))
    path = os.path.join(folder, COMPILED)
    try:
        private_dir(folder)
        write_pairs(path, compiled_pairs(root, runtime_dir, loaded, python))
    except ValueError:
        raise ConfigError(f"{shown(root)}: its path holds a line break or is not UTF-8", "move the project") from None
    except OSError as error:
        raise StateError(
            f"{shown(path)} can't be written: {error.strerror}", "check the disk and permissions"
        ) from None
    return path
