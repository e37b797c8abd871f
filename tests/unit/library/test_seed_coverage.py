"""docs/seed-coverage.md names a test for each row, and each of them is there and asserts something."""

from __future__ import annotations

import ast
import functools
import re

import pytest

from tests.sandbox import ROOT

LINES = (ROOT / "docs" / "seed-coverage.md").read_text().splitlines()
ROWS = [line for line in LINES if line.startswith("| ") and line != "| what | shown by |"]
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")
# Of the specification's parts, those that say what there has to be.
PARTS = (
    "Component Deep Dive", "API Reference", "Configuration Schema", "Integration Points", "Error Handling",
    "Logging Strategy", "Security Considerations",
)  # fmt: skip


@functools.cache
def functions_in(path: str) -> dict[str, ast.AST]:
    """Each function of a file below tests, by name."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = ast.walk(ast.parse((ROOT / "tests" / path).read_text()))
    return {node.name: node for node in nodes if isinstance(node, kinds)}


def can_fail(function: ast.AST, others: dict[str, ast.AST]) -> bool:
    """Whether it asserts, expects an error, or calls a function of its file that does."""
    nodes = list(ast.walk(function))
    called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    raises = any(isinstance(node, ast.Attribute) and node.attr == "raises" for node in nodes)
    helpers = (others[name] for name in called if name in others and others[name] is not function)
    return raises or any(isinstance(node, ast.Assert) for node in nodes) or any(can_fail(each, {}) for each in helpers)


def test_each_part_of_the_specification_is_there() -> None:
    titles = [line.removeprefix("## ") for line in LINES if line.startswith("## ")]
    assert [part for part in PARTS if not any(title.startswith(part) for title in titles)] == []
    assert len(ROWS) > 100


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:60])
def test_a_row_names_tests_that_are_there_and_assert_something(row: str) -> None:
    what, shown_by = row.strip("| ").split(" | ")
    assert what
    named = NAMED.findall(shown_by)
    assert named, "no test is named"
    assert NAMED.sub("", shown_by).strip(", ") == "", "what stands there is a test's name, and nothing else"
    for path, name in named:
        functions = functions_in(path)
        assert name in functions, f"{path} has no {name}"
        assert can_fail(functions[name], functions), f"{name} asserts nothing"
