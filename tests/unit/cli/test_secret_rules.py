"""Which rules secrets are recognised by: what `init` says, and what it begins to compile."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from memguard.cli import secret_rules
from memguard.cli.secret_rules import COMPILING, NONE, OWN, READY, remove_secret_rules, rules_state
from memguard.config.model import MemoryGuardianConfig
from tests.sandbox import Sandbox
from tests.unit.state.redact.conftest import needs_library

ALL = MemoryGuardianConfig()


@needs_library
def test_init_has_the_librarys_rules_compiled_once_and_uninstall_removes_them(sandbox: Sandbox) -> None:
    rules = sandbox.state / "rules"
    assert "by memguard's own rules\n" in sandbox.memguard("init").stdout
    assert not rules.exists()
    sandbox.use_all_rules()
    compiled = {path: path.stat().st_mtime_ns for path in rules.iterdir()}
    assert json.loads(sandbox.memguard("init", "--json").stdout)["secret_rules"] == READY
    assert {path: path.stat().st_mtime_ns for path in rules.iterdir()} == compiled
    sandbox.memguard("uninstall", "--purge")
    assert not rules.exists()


def test_without_the_library_the_own_rules_are_enough(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_rules, "_PACKAGE", "memguard_no_such_package")
    assert rules_state(str(sandbox.state), ALL) == OWN


@needs_library
def test_the_setting_decides(sandbox: Sandbox) -> None:
    state = str(sandbox.state)
    assert rules_state(state, ALL) == COMPILING
    assert rules_state(state, MemoryGuardianConfig.model_validate({"snapshots": {"redaction_rules": "own"}})) == OWN
    assert rules_state(state, MemoryGuardianConfig(privacy="exact")) == NONE


@needs_library
def test_doctor_says_that_they_are_not_compiled(opted_in: Sandbox) -> None:
    path = opted_in.home / ".config" / "memguard" / "config.toml"
    path.write_text("")
    checks = {check["name"]: check for check in json.loads(_doctor(opted_in))}
    assert checks["secrets"]["status"] == "warn"
    assert "memguard init" in checks["secrets"]["next_step"]


@needs_library
def test_doctor_tries_them(sandbox: Sandbox) -> None:
    """As a capture would: what says that they are compiled may be all that is well."""
    sandbox.memguard("init")
    sandbox.use_all_rules()
    checks = {check["name"]: check for check in json.loads(_doctor(sandbox))}
    assert (checks["secrets"]["status"], "those of kingfisher" in checks["secrets"]["what"]) == ("ok", True)
    own = sandbox.state / "rules" / "own.yml"
    own.unlink()
    own.mkdir()
    checks = {check["name"]: check for check in json.loads(_doctor(sandbox))}
    assert checks["secrets"]["status"] == "warn"
    assert "memguard's own rules alone: kingfisher failed" in checks["secrets"]["what"]
    assert f"remove {sandbox.state / 'rules'}" in checks["secrets"]["next_step"]


def test_the_rules_go_with_the_last_project_that_is_opted_in(tmp_path: Path) -> None:
    """The others' captures would do without them."""
    rules, another = tmp_path / "rules", tmp_path / "-work-another"
    rules.mkdir()
    another.mkdir()
    (another / "compiled").touch()
    remove_secret_rules(str(tmp_path))
    assert rules.exists()
    (another / "compiled").unlink()
    remove_secret_rules(str(tmp_path))
    assert not rules.exists()


def _doctor(sandbox: Sandbox) -> str:
    """Whatever its exit code: there may be no client here."""
    done = subprocess.run(
        sandbox.command("doctor", "--json"), cwd=sandbox.project, env=sandbox.environment, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout
