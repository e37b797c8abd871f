"""`[tools]`: what is taken, and that a project's file never lets a call hold more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memguard.config.layer import Layer, checked_layer
from memguard.config.load import load_config
from memguard.config.settings_table import LEAST_BUDGET_MB
from memguard.config.tool_limits import tool_limits
from memguard.core.tool_budgets import ToolBudget, budget_index

Write = Callable[[str], Path]
LARGE = 64 * 1024**3

PATTERNS = (
    "default", "Bash", "Bash(a*)", "Bash(*b)", "Bash(ab)", "mcp__x", "mcp__x__t", "mcp__x__t__u", "mcp__x(a*)",
    "mcp__x__t(a*)", "Write",
)  # fmt: skip
CALLS = [(tool, command) for tool in ("Bash", "Write", "mcp__x", "mcp__x__t", "mcp__x__t__u", "mcp__y__t")
         for command in ("", "a", "b", "ab", "c && ab")]  # fmt: skip
TABLES = st.dictionaries(st.sampled_from(PATTERNS), st.integers(1, 400))


def layer(source: str, table: dict[str, int]) -> Layer:
    return Layer(source, {"tools": table})


def held_mb(table: dict[str, int], tool: str, command: str) -> float:
    budgets = [ToolBudget(pattern, size) for pattern, size in table.items()]
    index = budget_index(budgets, tool, command)
    return float("inf") if index < 0 else budgets[index].size_bytes


@given(own=TABLES, project=TABLES)
def test_no_call_may_hold_more_with_the_projects_file(own: dict[str, int], project: dict[str, int]) -> None:
    merged, sources, _ = tool_limits(layer("p", project), layer("u", own))
    assert list(merged)[: len(own)] == list(own)
    for tool, command in CALLS:
        before, after = held_mb(own, tool, command), held_mb(merged, tool, command)
        assert after <= before
        assert after == before or after >= LEAST_BUDGET_MB
    assert set(sources) == {f"tools.{pattern}" for pattern in merged}


@given(project=TABLES)
def test_where_the_person_has_none_the_projects_hold_but_for_the_floor(project: dict[str, int]) -> None:
    merged, _, warnings = tool_limits(layer("p", project), layer("u", {}))
    assert merged == {pattern: max(size, LEAST_BUDGET_MB) for pattern, size in project.items()}
    assert len(warnings) == sum(size < LEAST_BUDGET_MB for size in project.values())


def test_the_lower_of_two_counts_and_what_would_loosen_is_said(
    project: Path, project_file: Write, user_file: Write
) -> None:
    user_file('[tools]\nBash = "1GB"\n"Bash(a*)" = "100MB"\nWrite = 32\n')
    project_file('[tools]\nBash = "512MB"\n"Bash(a*)" = "1GB"\n"Bash(b*)" = "9GB"\nWrite = 1\nRead = 1\n')
    loaded = load_config(str(project), LARGE)
    assert loaded.config.tools == {"Bash": 512, "Bash(a*)": 100, "Write": 32, "Read": 64}
    assert ".memguard.toml" in loaded.sources["tools.Bash"]
    assert "config.toml" in loaded.sources["tools.Bash(a*)"]
    said = "\n".join(loaded.warnings)
    assert "tools.Bash(a*) = 1024 MB is ignored: a project's file may only tighten (100 MB are yours)" in said
    assert "tools.Bash(b*) = 9216 MB is ignored" in said
    assert "tools.Read = 1 MB counts as 64 MB" in said
    assert len(loaded.warnings) == 3


@pytest.mark.parametrize("pattern", ["default", "Bash", "a-b.c:d", "mcp__s__t", "Bash(*)", "Bash(a(b))", "Bash(ü = 1)"])
def test_a_pattern_is_taken(pattern: str) -> None:
    assert checked_layer("f", {"tools": {pattern: 1}}).values == {"tools": {pattern: 1}}


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("", "is not a pattern"),
        ("*", "is not a pattern; write default, a tool's name"),
        ("Bash(", "is not a pattern"),
        ("Bash()", "is not a pattern"),
        ("Bash(x", "is not a pattern"),
        ("Bash(x)y", "is not a pattern"),
        ("Bash( x )", "is not a pattern"),
        (")(", "is not a pattern"),
        ("(x)", "is not a pattern"),
        ("mcp__*", "is not a pattern"),
        ("Bäsh", "is not a pattern"),
        ("default(x)", "is not a pattern"),
        ("-rf", "is not a pattern"),
        ("Bash(a\nwarning_bytes=1)", "control character or a line break"),
        ("Bash(\u2028)", "control character or a line break"),
        ("Bash(\x1b[2J)", "control character or a line break"),
        ("Bash(" + "x" * 10_000_000 + ")", "is longer than 100 characters"),
    ],
    ids=range(17),
)
def test_any_other_is_refused_in_one_clear_line(pattern: str, words: str) -> None:
    found = checked_layer("f.toml", {"tools": {pattern: 1, "Bash": 2}})
    (problem,) = found.problems
    assert problem.startswith("f.toml: tools.")
    assert words in problem
    assert problem.isprintable()
    assert len(problem) < 400
    assert found.values == {"tools": {"Bash": 2}}


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "tools.Bash = 0 must be at least 1 MB"),
        (-1, "tools.Bash = -1 must be at least 1 MB"),
        ("-4GB", 'tools.Bash = "-4GB" is not a size'),
        (2**60, "must be at most 1.67772e+07 MB"),
        (10**5000, "a number of more than 77 digits must be at most"),
        ("9" * 400 + "GB", "must be at most"),
        ("4XB", 'tools.Bash = "4XB" is not a size'),
        (1.5, "tools.Bash = 1.5 must be a whole number"),
        (True, "tools.Bash = true must be a whole number"),
        ({"x": 1}, "tools.Bash must be a whole number"),
        ([1], "tools.Bash must be a whole number"),
    ],
    ids=range(11),
)
def test_a_size_that_is_none_is_refused_in_one_clear_line(size: object, words: str) -> None:
    found = checked_layer("f.toml", {"tools": {"Bash": size, "Write": "1GB"}})
    (problem,) = found.problems
    assert words in problem
    assert len(problem) < 300
    assert found.values == {"tools": {"Write": 1024}}


@pytest.mark.parametrize("table", [3, [], "4GB", True])
def test_what_is_no_table_is_refused(table: object) -> None:
    (problem,) = checked_layer("f.toml", {"tools": table}).problems
    assert problem.startswith("f.toml: tools")
    assert problem.endswith("must be a table")


def test_too_many_budgets_are_one_line_however_many(project: Path, project_file: Write, user_file: Write) -> None:
    text = "[tools]\n" + "".join(f'"*{number}" = 1\n' for number in range(20_000))
    project_file(text)
    loaded = load_config(str(project), LARGE)
    assert loaded.config.tools == {}
    assert [line.partition(": ")[2] for line in loaded.warnings] == ["tools holds 20000 budgets; 100 is the most"]
    user_file(text)
    assert "holds 20000 budgets" in load_config(str(project), LARGE).lines[0]


def test_a_project_and_a_person_with_a_hundred_each_are_compiled_whole_or_said(
    project: Path, project_file: Write, user_file: Write
) -> None:
    user_file("[tools]\n" + "".join(f"u{number} = 100\n" for number in range(100)))
    project_file("[tools]\n" + "".join(f"p{number} = 100\n" for number in range(100)))
    loaded = load_config(str(project), LARGE)
    assert list(loaded.config.tools) == [f"u{number}" for number in range(100)]
    assert [line.partition(": ")[2] for line in loaded.warnings] == [
        "100 budgets of tools are ignored: with yours there are more than 100"
    ]


def test_a_key_that_is_not_utf_8_costs_its_table_and_ends() -> None:
    """Pydantic reports it under another name, so that it can't be found and taken out."""
    found = checked_layer("f.toml", {"tools": {"Bash(\udcff)": 1}, "mode": "observe"})
    (problem,) = found.problems
    assert "control character or a line break" in problem
    assert found.values == {"mode": "observe"}
