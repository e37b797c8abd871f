"""A digest of the person's own making: by a plugin that builds one, run beside the worker with a time limit.

It is given what a summariser gets, which has been redacted; what it answers is redacted once more, cut, and shown to
the model as quoted data, below memguard's own account of the restart.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from memguard.core.layout import STATUS
from memguard.core.log import printable
from memguard.handoff.beside import BesideError, answer_of
from memguard.handoff.summariser import facts_of

if TYPE_CHECKING:
    from memguard.handoff.claim import ChosenPlugins
    from memguard.handoff.digest import Material

TIME_LIMIT_S = 4.0
LONGEST_TEXT = 10000
_BUILDS = "build_digest"


def built_digest(plugins: ChosenPlugins, material: Material, ticket: str, within_s: float) -> tuple[str, str]:
    """Plugin and text; both empty where none builds one, with a line in the log where one failed."""
    from memguard.state.redact import redact_text

    hooks, left_out = _known(plugins)
    if hooks is not None and _BUILDS not in hooks:
        return "", ""
    answer = _answer(plugins, left_out, material, within_s)
    for name, why in answer.get("failed", {}).items():
        from memguard.logs.logger import logger_of  # rarely needed: importing `logging` takes 20 ms

        logger = logger_of(plugins.state_dir, plugins.compiled)
        logger.warning("handoff %s: plugin %s: %s", ticket, printable(name, 64), printable(str(why), 200))
    text = answer.get("text")
    if not isinstance(text, str) or not text.strip():
        return "", ""
    return printable(str(answer.get("plugin")), 64), redact_text(text[: LONGEST_TEXT * 2])[:LONGEST_TEXT].strip()


def _known(plugins: ChosenPlugins) -> tuple[list[str] | None, list[str]]:
    """What the watchdog knows of this session's plugins: their hooks (None: nothing), and those that were disabled."""
    try:
        with open(f"{plugins.guard_dir}/{STATUS}", encoding="utf-8") as file:
            status = json.load(file)
        hooks = status.get("plugin_hooks")
        failed = [str(each["name"]) for each in status.get("plugins", []) if each["failed_in"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, []
    return (hooks if isinstance(hooks, list) else None), failed


def _answer(plugins: ChosenPlugins, left_out: list[str], material: Material, within_s: float) -> dict[str, Any]:
    limit_s = min(TIME_LIMIT_S, within_s)
    command = [sys.executable, "-I", "-m", "memguard.handoff.digesting", plugins.compiled, f"{limit_s:.3f}"]
    command += [plugins.state_dir, ",".join(left_out)]
    try:
        lines = answer_of(command, json.dumps(facts_of(material)).encode(), limit_s).splitlines()
        why = f"{_BUILDS}: it ended its process"
    except BesideError as error:
        lines, why = error.output.splitlines(), f"{_BUILDS}: {error.what}"
    except OSError as error:
        return {"failed": {"(all)": f"they can't be run: {error.strerror}"}}
    last = _parsed(lines[-1]) if lines else {}
    return last if "failed" in last else {"failed": {_called(plugins, last): why}}


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("failed", {}), dict) else {}


def _called(plugins: ChosenPlugins, last: dict[str, Any]) -> str:
    names, number = plugins.names(), last.get("calling")
    return names[number - 1] if isinstance(number, int) and 0 < number <= len(names) else "(unknown)"
