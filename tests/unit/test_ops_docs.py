"""docs/health.md, docs/logging.md and docs/limits.md say what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from memguard.config.layer import checked_layer
from memguard.config.settings_table import SETTINGS
from memguard.config.toml_text import parse_toml
from memguard.core.log import LEVELS

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["health.md", "logging.md", "limits.md"])
def test_each_configuration_is_one(page: str) -> None:
    found = blocks(page, "toml")
    assert found
    for text in found:
        layer = checked_layer(page, parse_toml(page, text.encode()))
        assert layer.problems == []
        assert layer.values


@pytest.mark.parametrize("text", blocks("health.md", "python"))
def test_the_program_runs(text: str, tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", text], env=environment, capture_output=True, text=True, check=False)
    assert re.fullmatch(r"(.* free for .*\n)*[0-9.]+ % used, load [0-9.]+\n", done.stdout), done.stderr


def test_the_log_page_has_a_row_for_each_level_in_order() -> None:
    rows = re.findall(r"^\| `([a-z]+)` \|", (DOCS / "logging.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert [row.upper() for row in rows] == list(LEVELS)


def test_the_limits_page_has_a_row_for_each_limit() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \|", (DOCS / "limits.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {f"limits.{row}" for row in rows} == {key for key in SETTINGS if key.startswith("limits.")}


def test_the_health_page_names_every_setting() -> None:
    text = (DOCS / "health.md").read_text(encoding="utf-8")
    for key in SETTINGS:
        if key.startswith("health.") and key != "health.enabled":
            assert key in text or f"`{key.rpartition('.')[2]}`" in text, key
