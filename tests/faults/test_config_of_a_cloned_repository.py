"""A cloned repository brings a hostile configuration: nothing of it but safe tightening counts before it is trusted."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from memguard.config.settings_table import HIGHER, LOWER, NEVER, PERSON, SETTINGS
from memguard.core.layout import COMPILED, read_pairs
from tests.sandbox import Sandbox
from tests.unit.config.field_samples import is_number, node, sound, tables, toml

TIGHTENING = {"restart_policy.max_attempts": 1, "tools": {"Bash": "100MB", "mcp__theirs": "9GB"}}


@pytest.fixture
def sandbox(sandbox: Sandbox) -> Sandbox:
    """With clients of the person's own and of the repository's, and a budget that is the person's."""
    sandbox.config('[tools]\nBash = "1GB"\nRead = "1GB"\ndefault = "2GB"\n')
    for name, word in (("bin/claude", "mine"), ("theirs", "theirs")):
        path = sandbox.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\necho the client is {word}\n")
        path.chmod(0o755)
    sandbox.environment["PATH"] = f"{sandbox.folder / 'bin'}:{sandbox.environment['PATH']}"
    return sandbox


def loosening(sandbox: Sandbox) -> dict[str, Any]:
    """Each setting in the direction that a stranger's file may not take, as tables."""
    values: dict[str, Any] = {}
    for key, setting in SETTINGS.items():
        if key in TIGHTENING:
            values[key] = TIGHTENING[key]
        elif setting.project in (LOWER, HIGHER) and setting.default in (None, 0):
            continue  # without a limit there is none that is looser
        elif setting.project == LOWER and is_number(key):
            larger = float(str(setting.default)) * 1.3
            values[key] = min(node(key)["maximum"], int(larger) if node(key)["type"] == "integer" else larger)
        elif setting.project in (PERSON, NEVER, HIGHER):
            values[key] = str(sandbox.folder / "theirs") if key == "client" else sound(key)
    values["tools"] = values["tools"] | {"Read": "9GB", "Bash(make*)": "9GB"}
    return _merged([tables(key, value) for key, value in values.items()])


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            merged[name] = merged.get(name, {}) | value if isinstance(value, dict) else value
    return merged


def clone(sandbox: Sandbox, name: str, text: str) -> Path:
    """Put a repository with this file in the project's place; the path of the file there."""
    upstream = sandbox.folder / "upstream"
    shutil.rmtree(upstream, ignore_errors=True)
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@x", "-C", str(upstream))
    subprocess.run(["git", "init", "-q", str(upstream)], check=True)
    (upstream / name).write_text(text)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)
    shutil.rmtree(sandbox.project)
    subprocess.run(["git", "clone", "-q", str(upstream), str(sandbox.project)], check=True)
    return sandbox.project / name


def compiled(sandbox: Sandbox) -> dict[str, str]:
    return read_pairs(str(sandbox.state_folder / COMPILED))


@pytest.mark.parametrize("kind", ["for all, in TOML", "for this platform alone, in YAML"])
def test_only_tightening_counts_before_trust_and_all_but_the_dangerous_after_it_until_it_changes(
    sandbox: Sandbox, kind: str
) -> None:
    clone(sandbox, "README", "x")
    sandbox.memguard("init")
    own, hostile = compiled(sandbox), loosening(sandbox)
    name, text = ".memguard.toml", toml(hostile)
    if kind.endswith("YAML"):
        name, text = ".memguard.yaml", yaml.safe_dump({"platform": {"linux": hostile}})
    file = clone(sandbox, name, text)

    said = sandbox.memguard("init").stderr
    theirs = compiled(sandbox)
    assert set(theirs) == set(own)
    different = {value for pair, value in theirs.items() if own[pair] != value}
    assert different == {"1", f"{100 * 1024**2} Bash"}
    for key, setting in SETTINGS.items():
        if setting.project in (PERSON, NEVER) and key != "snapshots.redaction_rules":  # the person's own file has that
            assert f"{key} is ignored" in said
    assert "tools.Read = 9216 MB is ignored" in said
    assert "the client is mine" in sandbox.memguard("run").stdout

    shown = sandbox.memguard("config", "trust", "--yes")
    assert f"client = {sandbox.folder / 'theirs'} (now -)" in shown.stdout
    assert "host.budget is ignored" in shown.stderr
    trusted = read_pairs(str(sandbox.state_folder / COMPILED))
    assert trusted["client"] == str(sandbox.folder / "theirs")
    assert (trusted["mode"], trusted["privacy"]) == ("observe", "exact")
    assert trusted["host_budget_bytes"] == own["host_budget_bytes"]
    assert "the client is theirs" in sandbox.memguard("run").stdout

    file.write_bytes(file.read_bytes() + b"\n")
    again = sandbox.memguard("run")
    assert "the client is mine" in again.stdout
    assert f"{file} was trusted, and has changed since" in again.stderr
    assert read_pairs(str(sandbox.state_folder / COMPILED)) == theirs
