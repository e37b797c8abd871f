"""`memguard config show` and `memguard config check`."""

import argparse
import json
import os
import sys

from memguard.config.load import LoadedConfig, load_config
from memguard.config.settings_table import SETTINGS, TOOLS, Setting, value_of
from memguard.config.shown import shown
from memguard.config.sources import environment_layer, user_layer
from memguard.core.errors import ConfigError
from memguard.core.layout import project_root


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its two parts."""
    parser = subparsers.add_parser("config", help="show or check this project's configuration")
    parts = parser.add_subparsers(title="parts", required=True, metavar="PART")
    show = parts.add_parser("show", help="every value as it counts here, and where it is from")
    show.add_argument("--json", action="store_true", help="print it as JSON")
    show.set_defaults(run=run_show)
    check = parts.add_parser("check", help="every fault in files and variables; exit code 1 where there is one")
    check.add_argument("--json", action="store_true", help="print it as JSON")
    check.set_defaults(run=run_check)


def run_show(arguments: argparse.Namespace) -> int:
    """Print every value with its source; ConfigError where the person's part can't be used."""
    loaded = _load()
    if arguments.json:
        print(json.dumps(_facts(loaded), indent=2))
        return 0
    for setting in SETTINGS.values():
        print(_row(setting.key, _written(setting, value_of(loaded.config, setting.key)), loaded))
    for pattern, size_mb in loaded.config.tools.items():
        print(_row(f"{TOOLS}.{pattern}", _written(SETTINGS[TOOLS], size_mb), loaded))
    for warning in loaded.warnings:
        print(f"memguard: note: {shown(warning, 400)}", file=sys.stderr)
    return 0


def run_check(arguments: argparse.Namespace) -> int:
    """Print one line for each fault, or that there is none."""
    problems = _problems()
    if arguments.json:
        print(json.dumps({"problems": problems}, indent=2))
    else:
        print("\n".join(shown(problem, 400) for problem in problems) or "memguard: the configuration is fine")
    return 1 if problems else 0


def _load() -> LoadedConfig:
    from memguard.host.capacity import capacity_bytes

    return load_config(project_root(os.getcwd()), capacity_bytes(), os.environ)


def _problems() -> list[str]:
    """All faults of the person's files and variables, or else what is left of the project's file."""
    try:
        problems = user_layer().problems + environment_layer(os.environ).problems
        return problems or _load().warnings
    except ConfigError as error:
        return [error.what]


def _row(key: str, value: str, loaded: LoadedConfig) -> str:
    return f"{key:<36} {value:<16} {shown(loaded.sources[key])}"


def _written(setting: Setting, value: object) -> str:
    if value is None or value == {}:
        return "-"
    if isinstance(value, dict):
        return f"{len(value)}, see below"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g} {setting.unit}" if isinstance(value, int | float) else shown(value)


def _facts(loaded: LoadedConfig) -> dict[str, object]:
    values = {
        key: {"value": value_of(loaded.config, key), "unit": setting.unit, "source": loaded.sources[key]}
        for key, setting in SETTINGS.items()
    }
    limits = {f"{name}_bytes": getattr(loaded.limits, f"{name}_bytes") for name in ("warning", "critical", "emergency")}
    limits["host_budget_bytes"] = loaded.host_budget_bytes
    budgets = {
        pattern: {"value": size_mb, "unit": SETTINGS[TOOLS].unit, "source": loaded.sources[f"{TOOLS}.{pattern}"]}
        for pattern, size_mb in loaded.config.tools.items()
    }
    return {"values": values, "budgets": budgets, "limits": limits, "files": loaded.files, "warnings": loaded.warnings}
