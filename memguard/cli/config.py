"""`memguard config`: show, check, schema, trust."""

import argparse
import json
import os
import sys
from collections.abc import Mapping

from memguard.cli.config_text import setting_text
from memguard.cli.config_trust import add_trust_parser
from memguard.config.load import LoadedConfig, load_config
from memguard.config.settings_table import SETTINGS, TOOLS, value_of
from memguard.config.shown import shown
from memguard.config.sources import environment_layer
from memguard.core.errors import TypedConfigError
from memguard.core.layout import project_root


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its parts."""
    parser = subparsers.add_parser("config", help="show or check this project's configuration, or trust its file")
    parts = parser.add_subparsers(title="parts", required=True, metavar="PART")
    show = parts.add_parser("show", help="every value as it counts here, and where it is from")
    show.add_argument("--json", action="store_true", help="print it as JSON")
    show.set_defaults(run=run_show)
    check = parts.add_parser("check", help="every fault in files and variables; exit code 1 where there is one")
    check.add_argument("--json", action="store_true", help="print it as JSON")
    check.set_defaults(run=run_check)
    parts.add_parser("schema", help="the JSON Schema of the files, for an editor").set_defaults(run=run_schema)
    add_trust_parser(parts)


def run_show(arguments: argparse.Namespace) -> int:
    """Print every value with its source; TypedConfigError where a variable can't be used."""
    loaded = _load(os.environ)
    if arguments.json:
        print(json.dumps(_facts(loaded), indent=2))
        return 0
    for key in SETTINGS:
        print(_row(key, value_of(loaded.config, key), loaded))
    for pattern, size_mb in loaded.config.tools.items():
        print(_row(f"{TOOLS}.{pattern}", size_mb, loaded))
    for warning in loaded.lines:
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


def run_schema(_arguments: argparse.Namespace) -> int:
    """Print the JSON Schema."""
    from memguard.config.schema import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0


def _load(environ: Mapping[str, str]) -> LoadedConfig:
    from memguard.host.capacity import capacity_bytes

    return load_config(project_root(os.getcwd()), capacity_bytes(), environ)


def _problems() -> list[str]:
    """All faults of the person's file and variables, and what else is to be said, of the project's file too."""
    typed = environment_layer(os.environ).problems
    try:
        loaded = _load({} if typed else os.environ)
    except TypedConfigError as error:  # variables that contradict each other, or the file
        typed, loaded = [error.what], _load({})
    return [*typed, *loaded.faults, *loaded.warnings]


def _row(key: str, value: object, loaded: LoadedConfig) -> str:
    return f"{key:<36} {setting_text(key, value):<16} {shown(loaded.sources[key])}"


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
    return {"values": values, "budgets": budgets, "limits": limits, "files": loaded.files, "warnings": loaded.lines}
