"""The table of settings: each key's unit, its names elsewhere, and what a project's file may do to it."""

import functools
from dataclasses import dataclass

from memguard.config.model import MemoryGuardianConfig

LOWER = "lower"  # a project's file may only make it smaller
HIGHER = "higher"  # a project's file may only make it larger
PERSON = "no"  # only the person sets it; a project's file does where the person trusts that very file
NEVER = "never"  # only the person's own configuration sets it, whatever file is trusted
ADD = "new or lower"  # a table of budgets: a project's file may add to it, and make what is there smaller

TOOLS = "tools"  # the one table whose keys the person makes up

# Set only in a file: they say what is kept or run, and a variable comes from wherever a shell was started.
_FILES_ONLY = (
    "client", "privacy", "snapshots.redaction_rules", "handoff.summariser", "degradation.read_only",
    "degradation.emergency", "plugins.enabled", "plugins.variables",
    "plugins.options", TOOLS,
)  # fmt: skip

THRESHOLD_LEVELS = ("warning", "critical", "emergency")


@dataclass(frozen=True, slots=True)
class Setting:
    """One key, such as `restart_policy.max_attempts`.

    `project` is LOWER, HIGHER, ADD, PERSON or NEVER. `least` is as low as a project's file may go: below it, the value
    would switch the guard off, or keep it busy. `called` is what variable and option say where the key's last part
    alone says too little.
    """

    key: str
    unit: str
    project: str = PERSON
    least: float = 0
    called: str = ""

    @property
    def name(self) -> str:
        """What it is called where no table is named; no two settings share it."""
        return self.called or self.key.rpartition(".")[2]

    @property
    def variable(self) -> str:
        """The environment variable, for commands that the person types; empty where there is none."""
        is_in_files_only = self.key in _FILES_ONLY or isinstance(self.default, list | dict)
        return "" if is_in_files_only else f"MEMGUARD_{self.name.upper()}"

    @property
    def option(self) -> str:
        """The command line's option."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def default(self) -> object:
        """The value where nothing is set."""
        return value_of(_defaults(), self.key)


@functools.cache
def _defaults() -> MemoryGuardianConfig:
    return MemoryGuardianConfig()


def value_of(config: MemoryGuardianConfig, key: str) -> object:
    """What a configuration holds under a key."""
    table, _, name = key.rpartition(".")
    return getattr(getattr(config, table) if table else config, name)


# A shell, git, Python and node begin with 0 to 6 MB and `npm --version` peaks at 12, so that a stranger's file can stop
# the calls that hold much, and not every one.
LEAST_BUDGET_MB = 64


# What tightens: less memory, fewer restarts, longer between them, more readings, an earlier end of waiting. The two
# timeouts of a kill, the wait for the keyboard and the keeping of snapshots each protect something in both directions,
# so they stay the person's; so do `privacy`, `mode`, since a stranger's file must not switch the guard off, and what
# concerns the whole host, or sessions of other folders. The least limits are far above the 130 MB of an idle client, of
# which a lower one would leave nothing but EMERGENCY once its restarts are spent; 512 MB are 80 % of 640, 768 MB 120 %.
_SETTINGS = (
    Setting("mode", "guard or observe"),
    Setting("client", "path"),
    Setting("privacy", "redacted or exact"),
    Setting("thresholds.warning", "MB", LOWER, least=512),
    Setting("thresholds.critical", "MB", LOWER, least=640),
    Setting("thresholds.emergency", "MB", LOWER, least=768),
    Setting("thresholds.warning_percent", "% of capacity", LOWER),
    Setting("thresholds.critical_percent", "% of capacity", LOWER),
    Setting("thresholds.emergency_percent", "% of capacity", LOWER),
    Setting("restart_policy.max_attempts", "restarts", LOWER, least=1),
    Setting("restart_policy.host_max_attempts", "restarts", NEVER),
    Setting("restart_policy.attempt_window", "s", HIGHER),
    Setting("restart_policy.initial_cooldown", "s", HIGHER),
    Setting("restart_policy.max_cooldown", "s", HIGHER),
    Setting("restart_policy.cooldown_multiplier", "times", HIGHER),
    Setting("restart_policy.graceful_timeout", "s"),
    Setting("restart_policy.force_kill_timeout", "s"),
    Setting("restart_policy.boundary_timeout", "s", LOWER, least=10),
    Setting("restart_policy.typing_quiet", "s"),
    Setting("restart_policy.strategy", "name", called="restart_strategy"),
    Setting("monitoring.normal_interval", "s", LOWER, least=1),
    Setting("monitoring.warning_interval", "s", LOWER, least=1),
    Setting("monitoring.critical_interval", "s", LOWER, least=1),
    Setting("monitoring.emergency_interval", "s", LOWER, least=1),
    Setting("snapshots.retention_days", "days"),
    Setting("snapshots.retention_count", "snapshots"),
    Setting("snapshots.retention_size", "MB"),
    Setting("snapshots.redaction_rules", "name"),
    Setting(TOOLS, "MB", ADD, least=LEAST_BUDGET_MB),
    Setting("host.budget", "MB", NEVER, called="host_budget"),
    Setting("host.budget_percent", "% of capacity", NEVER, called="host_budget_percent"),
    Setting("containment.mechanism", "name", called="containment"),
    Setting("containment.tool_oom_score_adj", "points"),
    Setting("watch.respawn_in_tmux", "true or false"),
    Setting("watch.end_client", "true or false"),
    Setting("handoff.summariser", "name"),
    Setting("degradation.enabled", "true or false", called="degradation"),
    Setting("degradation.read_only", "tools", called="read_only_tools"),
    Setting("degradation.emergency", "tools", called="emergency_tools"),
    Setting("health.enabled", "true or false", called="health"),
    Setting("health.interval", "s", called="health_interval"),
    Setting("health.disk_free", "MB"),
    Setting("health.disk_usage_percent", "%"),
    Setting("health.cpu_percent", "%"),
    Setting("health.load_per_cpu", "processes"),
    Setting("log.level", "name", NEVER, called="log_level"),
    Setting("log.format", "name", NEVER, called="log_format"),
    Setting("limits.tool_memory", "MB", LOWER, least=LEAST_BUDGET_MB),
    Setting("limits.tool_cpu_time", "s", LOWER, least=60),
    Setting("limits.tool_nice", "steps", HIGHER),
    Setting("limits.session_memory", "MB", LOWER, least=2048),
    Setting("limits.session_cpu_time", "s", LOWER, least=3600),
    Setting("plugins.enabled", "names", NEVER),
    Setting("plugins.timeout", "s", NEVER, called="plugin_timeout"),
    Setting("plugins.memory", "MB", NEVER, called="plugin_memory"),
    Setting("plugins.variables", "names", NEVER),
    Setting("plugins.options", "tables", NEVER),
)
SETTINGS = {setting.key: setting for setting in _SETTINGS}
BY_NAME = {setting.name: setting for setting in _SETTINGS}
BY_VARIABLE = {setting.variable: setting for setting in _SETTINGS if setting.variable}
