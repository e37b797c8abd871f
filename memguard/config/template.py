"""The `.memguard.toml` that `memguard init` writes where there is none: every value of it a comment."""

from memguard.config.settings_table import LEAST_BUDGET_MB, NEVER, PERSON, SETTINGS, TOOLS, Setting

_HEADER = """\
# memguard's settings for this project. This file may only TIGHTEN, since anyone who works on the project can change
# it: lower limits, fewer restarts, longer cool-downs, shorter intervals, budgets of tools. What would loosen is
# ignored, with a warning. A value in your own configuration wins over the one here (of budgets, the lower counts);
# `memguard config show` says where each one is from.
# `memguard init` and `memguard run` read this file; run one of them after a change.
#
# Sizes are megabytes or text such as "4GB"; durations are seconds or text such as "30m".
# With `critical` alone, warning is 80 % of it and emergency 120 %. The values below are the defaults.
"""

_TOOLS = f"""\
# Examples: what one tool call, with all that it starts, may hold. Nothing is set by default. A key is default, a tool's
# name, mcp__server, or Bash(glob of the command); the least that this file may set is {LEAST_BUDGET_MB} MB.
# default = "4GB"
# "Bash(pytest*)" = "2GB"
"""


def project_template() -> str:
    """The file's text. Only what a project may set is in it, each with its default, commented out."""
    lines = [_HEADER]
    table = ""
    for setting in SETTINGS.values():
        if setting.project in (PERSON, NEVER):
            continue
        if setting.key.partition(".")[0] != table:
            table = setting.key.partition(".")[0]
            lines.append("\n")
            lines.append(f"[{table}]\n")
        lines.append(_TOOLS if setting.key == TOOLS else _line(setting))
    return "".join(lines).rstrip() + "\n"


def _line(setting: Setting) -> str:
    value = setting.default
    if value is None:
        return f"# {setting.name} = 4096  # {setting.unit}; none by default, may be set here\n"
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    return f"# {setting.name} = {number}  # {setting.unit}; may be {setting.project} here\n"
