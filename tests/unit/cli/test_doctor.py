"""`memguard doctor`: what is well, what is missing, what is broken."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from memguard.cli.checks.check import FIXTURE_ONLY, NEVER_RUN, RUN_HERE, RUN_IN_PART
from memguard.cli.checks.here import label_of
from memguard.cli.checks.installed import TESTED_CLIENT
from memguard.host.containment.base import Containment
from memguard.host.containment.cgroup_v1 import CgroupV1
from memguard.host.containment.cgroup_v2 import CgroupV2
from memguard.host.containment.group import Group
from memguard.host.containment.job_object import JobObject
from memguard.host.containment.systemd_scope import SystemdScope
from tests.sandbox import ROOT, Sandbox
from tests.unit.host.containment.places import Tree

LABELS = (RUN_HERE, RUN_IN_PART, FIXTURE_ONLY, NEVER_RUN)
NOWHERE = Group("/nonexistent")


def _client(sandbox: Sandbox, version: str = TESTED_CLIENT) -> None:
    """A `claude` on PATH that tells its version."""
    folder = sandbox.folder / "bin"
    folder.mkdir(exist_ok=True)
    program = folder / "claude"
    program.write_text(f"#!/bin/sh\necho '{version} (Claude Code)'\n")
    program.chmod(0o700)
    sandbox.environment["PATH"] = f"{folder}:{os.environ['PATH']}"


def _checks(sandbox: Sandbox, code: int = 0) -> dict[str, dict[str, str]]:
    found = json.loads(sandbox.memguard("doctor", "--json", code=code).stdout)
    return {check["name"]: check for check in found}


def test_the_tested_client_is_the_one_that_the_tests_run() -> None:
    pinned = json.loads((ROOT / "tests" / "e2e" / "package.json").read_text())["devDependencies"]
    assert pinned["@anthropic-ai/claude-code"] == TESTED_CLIENT


def test_where_all_is_well_nothing_fails_and_every_mechanism_has_its_label(opted_in: Sandbox) -> None:
    _client(opted_in)
    checks = _checks(opted_in)
    assert [name for name, check in checks.items() if check["status"] == "fail"] == []
    assert [checks[name]["status"] for name in ("client", "project", "hooks", "configuration", "secrets")] == ["ok"] * 5
    for name in ("platform", "containment", "pressure", "swap", "pidfd"):
        assert checks[name]["label"] in LABELS
    shown = opted_in.memguard("doctor").stdout
    assert all(line[:4] in ("ok  ", "warn", "    ") for line in shown.splitlines())


@pytest.mark.parametrize(
    ("row", "made", "label"),
    [
        ("v1 memory group", CgroupV1(NOWHERE, None), RUN_HERE),
        ("v2 group without memory control", CgroupV2(NOWHERE), RUN_HERE),
        ("scope of the user's systemd", SystemdScope("u", NOWHERE, "/"), RUN_IN_PART),
        ("subreaper", Containment(1), RUN_HERE),
        ("process tree", Containment(), RUN_HERE),
        ("Windows Job Object", JobObject(0, 1), NEVER_RUN),
    ],
)
def test_a_mechanism_has_the_label_that_the_docs_give_it(row: str, made: Containment, label: str) -> None:
    assert label_of(made) == label
    assert _is_said(_status_in_docs(row), label)


def test_a_v2_group_that_reports_memory_was_run_in_part(tmp_path: Path) -> None:
    """FIXTURE."""
    label = label_of(CgroupV2(Group(str(Tree(tmp_path, "aa").folder))))
    assert label == RUN_IN_PART
    assert _is_said(_status_in_docs("v2 group in a delegated group"), label)


def _status_in_docs(row: str) -> str:
    """The last cell of a row of the table of mechanisms."""
    lines = (ROOT / "docs" / "architecture.md").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"| {row}") and line.count("|") == 6)
    return line.split("|")[-2]


def _is_said(status: str, label: str) -> bool:
    said = {"run here": "run here" in status, "fixture only": "fixture only" in status, "never": "never run" in status}
    return said == {word: word in label for word in said}


def test_a_project_that_is_not_opted_in_is_no_failure(sandbox: Sandbox) -> None:
    _client(sandbox)
    check = _checks(sandbox)["project"]
    assert check["status"] == "warn"
    assert "memguard init" in check["next_step"]


def test_without_a_client_it_fails_and_with_another_version_it_warns(opted_in: Sandbox) -> None:
    opted_in.environment["PATH"] = "/usr/bin:/bin"
    assert _checks(opted_in, code=1)["client"]["status"] == "fail"
    _client(opted_in, "2.0.1")
    check = _checks(opted_in)["client"]
    assert (check["status"], TESTED_CLIENT in check["what"]) == ("warn", True)
    _client(opted_in, "\x1b[31mno number")
    check = _checks(opted_in)["client"]
    assert check["status"] == "warn"
    assert "\x1b" not in check["what"]


def _settings(sandbox: Sandbox) -> Path:
    return sandbox.project / ".claude" / "settings.local.json"


def test_hooks_that_are_missing_or_can_not_run_fail(opted_in: Sandbox) -> None:
    _client(opted_in)
    whole = _settings(opted_in).read_text()
    settings = json.loads(whole)
    del settings["hooks"]["Stop"]
    _settings(opted_in).write_text(json.dumps(settings))
    check = _checks(opted_in, code=1)["hooks"]
    assert "lacks hooks for Stop" in check["what"]
    settings = json.loads(whole)
    settings["hooks"]["Stop"][0]["hooks"][0]["command"] = "/nonexistent/python"
    _settings(opted_in).write_text(json.dumps(settings))
    assert "/nonexistent/python" in _checks(opted_in, code=1)["hooks"]["what"]
    _settings(opted_in).write_text(json.dumps(json.loads(whole) | {"disableAllHooks": True}))
    assert "switches all hooks off" in _checks(opted_in, code=1)["hooks"]["what"]
    for torn in ("{", "[]", '{"hooks": 3}', '{"hooks": {"Stop": [3, {"hooks": "x"}]}}'):
        _settings(opted_in).write_text(torn)
        assert _checks(opted_in, code=1)["hooks"]["status"] == "fail"


def test_a_configuration_that_has_changed_since_is_named(opted_in: Sandbox) -> None:
    _client(opted_in)
    opted_in.config("[thresholds]\ncritical = 777\n")
    check = _checks(opted_in)["configuration"]
    assert check["status"] == "warn"
    assert "critical_bytes" in check["what"]
    opted_in.config("[thresholds]\ncritical = -1\n")
    check = _checks(opted_in)["configuration"]
    assert check["status"] == "warn"
    assert "thresholds.critical = -1 must be at least 1 MB; the rest of it counts" in check["what"]


def test_a_key_that_is_lost_fails(opted_in: Sandbox) -> None:
    _client(opted_in)
    keys = opted_in.state / "keys"
    keys.mkdir(mode=0o700)
    (keys / "public").write_text("memguard-public-key 1 " + "A" * 43 + "=\n")
    check = _checks(opted_in, code=1)["keys"]
    assert check["status"] == "fail"
    assert check["next_step"]


def test_a_runtime_folder_that_leads_elsewhere_fails(opted_in: Sandbox) -> None:
    _client(opted_in)
    (opted_in.runtime / "memguard").rename(opted_in.runtime / "elsewhere")
    (opted_in.runtime / "memguard").symlink_to(opted_in.runtime / "elsewhere")
    assert _checks(opted_in, code=1)["runtime"]["status"] == "fail"
