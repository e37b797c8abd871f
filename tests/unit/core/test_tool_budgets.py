"""Which budget a tool call has, whatever its command looks like."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memguard.core.tool_budgets import ToolBudget, budget_index, budgets_of, commands_in, matches_glob, needs_command

MB = 1024**2


def budgets(**sizes_mb: int) -> list[ToolBudget]:
    return listed(sizes_mb)


def listed(sizes_mb: dict[str, int]) -> list[ToolBudget]:
    return [ToolBudget(pattern, size_mb * MB) for pattern, size_mb in sizes_mb.items()]


def chosen(table: dict[str, int], tool: str, command: str = "") -> str:
    """The pattern that a call's budget comes from; empty for none."""
    found = listed(table)
    index = budget_index(found, tool, command)
    return "" if index < 0 else found[index].pattern


def test_the_tools_own_name_goes_before_default_and_no_budget_is_minus_one() -> None:
    assert chosen({"default": 9, "Bash": 8}, "Bash", "make") == "Bash"
    assert chosen({"default": 9, "Bash": 8}, "Write") == "default"
    assert chosen({"Bash": 8}, "Write") == ""
    assert budget_index([], "Bash", "make") == -1


def test_of_the_commands_that_match_the_smallest_counts_wherever_it_stands() -> None:
    table = {"Bash(*test*)": 3, "Bash(pytest*)": 2, "Bash": 1, "Bash(make*)": 1}
    assert chosen(table, "Bash", "pytest -q") == "Bash(pytest*)"
    assert chosen(table, "Bash", "make test") == "Bash(make*)"
    assert chosen(table, "Bash", "ls") == "Bash"
    assert chosen(table, "Bash") == "Bash"


def test_a_server_stands_for_its_tools() -> None:
    table = {"mcp__a": 3, "mcp__a__big": 9, "default": 1}
    assert chosen(table, "mcp__a__read") == "mcp__a"
    assert chosen(table, "mcp__a__big") == "mcp__a__big"
    assert chosen(table, "mcp__a") == "mcp__a"
    assert chosen(table, "mcp__ab__read") == "default"
    assert chosen({"mcp__a__b": 1}, "mcp__a__b__read") == "mcp__a__b"  # a server's name may hold `__`


def test_a_command_matters_to_the_tool_of_its_pattern_only() -> None:
    found = budgets(default=1) + listed({"Bash(x*)": 1})
    assert needs_command(found, "Bash")
    assert not needs_command(found, "Write")
    assert not needs_command(budgets(Bash=1), "Bash")
    assert chosen({"Bash(x*)": 1}, "Write", "x") == ""


@pytest.mark.parametrize(
    "command",
    [
        "pytest",
        "  pytest -q\n",
        "cd x && pytest -q",
        "cd x||pytest",
        "a; pytest",
        "a | pytest",
        "a\npytest",
        "a & pytest",
        "(cd x; pytest)",
        "echo $(pytest)",
        "echo `pytest`",
        "X=1 pytest",
        "X='a b' Y=\"c ; d\" pytest",
        "if pytest; then echo; fi",
        "time env X=1 nohup pytest",
        "! pytest",
        "{ pytest; }",
        "python -c 'a;b' 2>&1 && pytest",
        "cat <<E\nit's\nE\npytest",
    ],
)
def test_a_command_is_found_wherever_it_stands(command: str) -> None:
    assert chosen({"Bash(pytest*)": 1}, "Bash", command) == "Bash(pytest*)"


@pytest.mark.parametrize(
    "command",
    [
        "", "xpytest", "echo pytest", "echo 'a; pytest'", 'git commit -m "a && pytest"', "echo a\\; pytest", "X=pytest",
        "X=1", "1X=1 pytest", "echo \\' ';pytest;' \\'",
    ],
)  # fmt: skip
def test_what_only_mentions_it_is_not_taken_for_it(command: str) -> None:
    assert chosen({"Bash(pytest*)": 1}, "Bash", command) == ""


def test_a_redirection_does_not_end_a_command() -> None:
    assert commands_in("make 2>&1 <&3 &") == {"make 2>&1 <&3 &", "make 2>&1 <&3", ""}


def test_a_colon_and_star_is_the_command_alone_or_with_arguments() -> None:
    assert [chosen({"Bash(npm test:*)": 1}, "Bash", text) for text in ("npm test", "npm test -x", "npm tests")] == [
        "Bash(npm test:*)", "Bash(npm test:*)", "",
    ]  # fmt: skip


@given(st.text("ab*\n", max_size=12), st.text("ab\n", max_size=24))
def test_the_glob_agrees_with_fnmatch(glob: str, text: str) -> None:
    assert matches_glob(glob, text) == fnmatch.fnmatchcase(text, glob)


@given(st.text(), st.text())
def test_only_the_star_is_special(text: str, other: str) -> None:
    glob = text.replace("*", "?")
    assert matches_glob(glob, glob)
    assert matches_glob(glob, other) == (glob == other)
    assert matches_glob(f"{glob}*", glob + other)


@given(st.text("a'\"\\;|&() =\n", max_size=60))
def test_no_command_is_too_odd(command: str) -> None:
    found = commands_in(command)
    assert command.strip() in found
    assert all(part in command for part in found)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("unit", ["a", "a;", "'", "A=1 ", "\\", "((", "a'b' ", "*", "if "])
def test_a_megabyte_of_anything_takes_a_moment(unit: str) -> None:
    """A hundred of them, each beside a hundred patterns, would otherwise be hours rather than the 30 s allowed."""
    found = listed({f"Bash(*a*a*{number}*b)": 1 for number in range(100)})
    for _ in range(3):
        assert budget_index(found, "Bash", unit * (1024**2 // len(unit))) == -1


def test_a_compiled_file_is_read_to_its_first_torn_line() -> None:
    pairs = {"tool_budget_0": "10 Bash", "tool_budget_1": "20 Bash(a b = c*)", "tool_budget_3": "1 x"}
    assert [(budget.pattern, budget.size_bytes) for budget in budgets_of(pairs)] == [
        ("Bash", 10), ("Bash(a b = c*)", 20),
    ]  # fmt: skip
    for torn in ("", "x", "-1 Bash", "²0 Bash", "10", "10 ", "9" * 5000 + " Bash"):
        assert budgets_of({"tool_budget_0": torn, "tool_budget_1": "1 Bash"}) == []
