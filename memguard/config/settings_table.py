"""The table of settings: each key's unit, its names elsewhere, and what a project's file may do to it."""

from dataclasses import dataclass

from memguard.config.model import MemoryGuardianConfig

LOWER = "lower"  # a project's file may only make it smaller
HIGHER = "higher"  # a project's file may only make it larger
PERSON = "no"  # only the person sets it
ADD = "new or lower"  # a table of budgets: a project's file may add to it, and make what is there smaller

TOOLS = "tools"  # the one table whose keys the person makes up

# Set only in a file: they say what is kept or run, and a variable comes from wherever a shell was started.
_FILES_ONLY = ("client", "privacy", "snapshots.redaction_rules", "handoff.summariser", TOOLS)

THRESHOLD_LEVELS = ("warning", "critical", "emergency")


@dataclass(frozen=True, slots=True)
class Setting:
    """One key, such as `restart_policy.max_attempts`.

    `project` is LOWER, HIGHER, ADD or PERSON. `least` is as low as a project's file may go: below it, the value would
    switch the guard off, or keep it busy. `called` is what variable and option say where the key's last part alone
    says too little.
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
        return "" if self.key in _FILES_ONLY else f"MEMGUARD_{self.name.upper()}"

    @property
    def option(self) -> str:
        """The command line's option."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def default(self) -> object:
        """The value where nothing is set."""
        return value_of(MemoryGuardianConfig(), self.key)


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
# concerns the whole host, or sessions of other folders.
_SETTINGS = (
    Setting("mode", "guard or observe"),
    Setting("client", "path"),
    Setting("privacy", "redacted or exact"),
    Setting("thresholds.warning", "MB", LOWER),
    Setting("thresholds.critical", "MB", LOWER),
    Setting("thresholds.emergency", "MB", LOWER),
    Setting("thresholds.warning_percent", "% of capacity", LOWER),
    Setting("thresholds.critical_percent", "% of capacity", LOWER),
    Setting("thresholds.emergency_percent", "% of capacity", LOWER),
    Setting("restart_policy.max_attempts", "restarts", LOWER, least=1),
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
    Setting("host.budget", "MB", called="host_budget"),
    Setting("host.budget_percent", "% of capacity", called="host_budget_percent"),
    Setting("containment.mechanism", "name", called="containment"),
    Setting("containment.tool_oom_score_adj", "points"),
    Setting("watch.respawn_in_tmux", "true or false"),
    Setting("watch.end_client", "true or false"),
    Setting("handoff.summariser", "name"),
)
SETTINGS = {setting.key: setting for setting in _SETTINGS}
BY_NAME = {setting.name: setting for setting in _SETTINGS}
BY_VARIABLE = {setting.variable: setting for setting in _SETTINGS if setting.variable}
