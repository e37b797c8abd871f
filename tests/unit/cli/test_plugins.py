"""`memguard plugins list`: what it says where no session runs; tests/session/test_plugins.py has one that does."""

from __future__ import annotations

import json
import sys

import pytest

from tests.installation import Installation
from tests.plugin_scene import install_plugin
from tests.sandbox import Sandbox


def test_those_that_ship_are_listed_and_none_is_enabled(sandbox: Sandbox) -> None:
    lines = sandbox.memguard("plugins", "list").stdout.splitlines()
    assert [line.split()[:3] for line in lines] == [
        [name, "off", "claude-memguard"] for name in ("desktop", "event-log", "notifier")
    ]


def test_the_enabled_ones_come_first_in_their_order_installed_or_not(sandbox: Sandbox) -> None:
    sandbox.config('[plugins]\nenabled = ["not-there", "notifier"]\n')
    found = json.loads(sandbox.memguard("plugins", "list", "--json").stdout)
    assert [(each["name"], each["enabled"]) for each in found] == [
        ("not-there", True), ("notifier", True), ("desktop", False), ("event-log", False),
    ]  # fmt: skip
    assert found[0]["installed_by"] == []
    assert "not-there                enabled  not installed" in sandbox.memguard("plugins", "list").stdout


def test_nothing_is_imported_for_the_list_and_two_of_one_name_are_said(
    sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = Installation(tmp_path_factory.mktemp("environment"))
    for module in ("sample_one", "sample_two"):
        install_plugin(installation, "twice", "os._exit(9)", module)
    monkeypatch.setattr(sys, "executable", installation.python)
    sandbox.config('[plugins]\nenabled = ["twice"]\n')
    assert sandbox.memguard("plugins", "list").stdout.splitlines()[0] == (
        "twice                    enabled  sample_one 1.0 and sample_two 1.0  (twice: it is not loaded)"
    )
