"""PreToolUse writes down which budget its call has."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memguard.core.layout import COMPILED
from memguard.core.settings import load_settings
from tests.sandbox import Sandbox

from .conftest import Hook

TOOLS = '[tools]\ndefault = "4GB"\n"Bash(pytest*)" = "2GB"\nBash = "3GB"\nmcp__big = "1GB"\n'
DEFAULT, PYTEST, BASH, MCP = range(4)
Config = Callable[[str], None]


@pytest.fixture
def config(opted_in: Sandbox, guard: Path) -> Config:
    """Sets the person's configuration, for the project and for the guard."""

    def write(text: str) -> None:
        opted_in.config(text)
        opted_in.memguard("init")
        shutil.copy(opted_in.state_folder / COMPILED, guard / COMPILED)

    return write


def last(box: Sandbox) -> dict[str, Any]:
    return box.spool()[-1]


@pytest.mark.parametrize(
    ("call", "budget"),
    [
        (("Bash", "pytest -q"), PYTEST),
        (("Bash", "cd x && X=1 pytest"), PYTEST),
        (("Bash", "cat <<E\nit's \"x\n\\\nE\npytest"), PYTEST),
        (("Bash", "ls"), BASH),
        (("Bash", None), BASH),
        (("Bash", "pytest " + "x" * 1_000_000), PYTEST),
        (("Bash", "pytest " + "x" * 2_000_000), BASH),  # more than is kept of an event, and than bash takes
        (("Write", "pytest"), DEFAULT),
        (("mcp__big__read", None), MCP),
        (("", None), DEFAULT),
    ],
    ids=range(10),
)
def test_the_index_is_in_the_spool(
    opted_in: Sandbox, config: Config, hook: Hook, call: tuple[str, str | None], budget: int
) -> None:
    config(TOOLS)
    tool, command = call
    assert hook("PreToolUse", command, tool_name=tool) == {}
    assert last(opted_in)["budget"] == budget
    patterns = [found.pattern for found in load_settings(str(opted_in.state_folder / COMPILED)).tools]
    assert patterns == ["default", "Bash(pytest*)", "Bash", "mcp__big"]


def test_an_input_of_odd_types_has_the_tools_own_budget(opted_in: Sandbox, config: Config, hook: Hook) -> None:
    config(TOOLS)
    deep: object = []
    for _ in range(900):
        deep = [deep]
    for odd in (7, [], {"command": 7}, {"command": ["pytest"]}, {"x": {"command": "pytest"}}, deep, None, "pytest"):
        assert hook("PreToolUse", None, tool_input=odd) == {}
        assert last(opted_in)["budget"] == BASH


def test_a_command_with_half_of_a_pair_of_characters_is_matched(opted_in: Sandbox, config: Config, hook: Hook) -> None:
    config(TOOLS)
    hook("PreToolUse", "pytest \ud83d")
    assert last(opted_in)["budget"] == PYTEST


@pytest.mark.parametrize("name", ["PostToolUse", "UserPromptSubmit", "Stop"])
def test_other_events_have_none(opted_in: Sandbox, config: Config, hook: Hook, name: str) -> None:
    config(TOOLS)
    hook(name, "pytest")
    assert last(opted_in)["budget"] == -1


def test_without_budgets_there_is_none(opted_in: Sandbox, config: Config, hook: Hook) -> None:
    config("")
    hook("PreToolUse", "pytest")
    assert last(opted_in)["budget"] == -1


def test_it_counts_the_lines_of_the_file_that_the_guards_watchdog_goes_by(
    opted_in: Sandbox, config: Config, hook: Hook
) -> None:
    """`memguard init` in another terminal has written other budgets for the project meanwhile."""
    config('[tools]\nBash = "3GB"\n')
    opted_in.config(TOOLS)
    opted_in.memguard("init")
    hook("PreToolUse", "pytest")
    assert last(opted_in)["budget"] == 0
