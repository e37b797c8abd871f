"""Every example of docs/testing.md is run as it stands there, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from memguard.testing.events import EventFactory
from tests.sandbox import ROOT

pytest_plugins = ["pytester"]
DOC = (ROOT / "docs" / "testing.md").read_text()
EXAMPLES = dict(re.findall(r"^```python\n# (\S+\.py)\n(.*?)^```$", DOC, re.MULTILINE | re.DOTALL))


def test_all_examples_pass(pytester: pytest.Pytester) -> None:
    assert len(EXAMPLES) == DOC.count("```python"), "each block begins with the name of its file"
    for name, code in EXAMPLES.items():
        Path(pytester.path, name).write_text(code)
    result = pytester.runpytest_subprocess("-q", "-rA")
    outcomes = result.parseoutcomes()
    assert set(outcomes) <= {"passed", "skipped", "warnings"}, result.stdout.str()
    assert outcomes["skipped"] == 1, "the summariser of the example has no entry point"
    for name in (name for name in EXAMPLES if name.startswith("test_")):
        result.stdout.fnmatch_lines([f"PASSED {name}::*"])


def test_each_event_has_its_row() -> None:
    made = {name for name, value in vars(EventFactory).items() if not name.startswith("_") and callable(value)}
    rows = DOC[DOC.index("| event | made by |") : DOC.index("Each takes more fields")]
    assert made - {"environment", "in_subagent"} == set(re.findall(r"\| `(\w+)\(", rows))


def test_each_fixture_has_its_row(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--fixtures", "-q")
    assert set(re.findall(r"^(memguard_\w+)", result.stdout.str(), re.MULTILINE)) == set(
        re.findall(r"^\| `(memguard_\w+)`", DOC, re.MULTILINE)
    )
