"""Every example of docs/library.md runs as it stands there, and the page names what there is."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys

import pytest

import memguard
from memguard import MemoryGuardianConfig
from memguard.library.event_hub import EVENTS
from tests.sandbox import ROOT, Sandbox

DOC = (ROOT / "docs" / "library.md").read_text()
EXAMPLES = dict(re.findall(r"^```python\n# (\S+\.py)\n(.*?)^```$", DOC, re.MULTILINE | re.DOTALL))


def test_each_block_begins_with_the_name_of_its_file() -> None:
    assert len(EXAMPLES) == DOC.count("```python")


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(machine: Sandbox, name: str) -> None:
    """That of the Agent SDK is compiled and imported here; tests/e2e/test_agent_sdk.py runs such a one."""
    path = machine.folder / name
    path.write_text(EXAMPLES[name])
    words = ["-c", f"import {path.stem}"] if name == "agent_program.py" else [str(path)]
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=60, check=False, cwd=machine.folder,
        env=machine.environment | {"PYTHONPATH": str(machine.folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_every_exported_name_is_on_the_page() -> None:
    parts_of_a_state = {"CapturedProcess", "ConversationState", "ProjectState", "RestartState", "RestartNotice"}
    assert {name for name in memguard._HOMES if f"`{name}`" not in DOC} == parts_of_a_state


def test_every_event_is_on_the_page() -> None:
    assert [name for name in EVENTS if f"`{name}`" not in DOC] == []


def test_every_field_of_the_configuration_has_its_row() -> None:
    rows = DOC[DOC.index("| field | what it does |") :]
    for field in dataclasses.fields(MemoryGuardianConfig):
        assert f"`{field.name}`" in rows, field.name
