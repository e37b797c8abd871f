"""Which variables a restored session gets back."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from memguard.state.restorable import restorable

HARMLESS = {"LANG": "de_DE.UTF-8", "LC_TIME": "C", "TZ": "UTC", "ANTHROPIC_MODEL": "opus"}


def test_language_time_and_model_come_back() -> None:
    assert restorable(HARMLESS) == HARMLESS


@pytest.mark.parametrize(
    "name",
    ["PATH", "LD_PRELOAD", "NODE_OPTIONS", "PYTHONPATH", "HOME", "SHELL", "HTTPS_PROXY", "ANTHROPIC_BASE_URL",
     "ANTHROPIC_API_KEY", "CLAUDE_CONFIG_DIR", "GIT_SSH_COMMAND", "BASH_ENV"],
)  # fmt: skip
def test_what_runs_loads_or_redirects_does_not(name: str) -> None:
    assert restorable({name: "x"}) == {}
    assert restorable({name: "x"}, [name]) == {name: "x"}, "but where the person names it"


def test_what_was_redacted_is_no_value() -> None:
    assert restorable({"LANG": "[redacted:by-name]", "TZ": "a[redacted:jwt]"}, ["TZ"]) == {}


def test_what_no_process_can_be_given_does_not() -> None:
    """A record from elsewhere may name anything; half of a surrogate pair has no bytes."""
    odd = {"LC_A": "a\0b", "LC_B=X": "1", "LC_\0": "1", "LC_C": "\ud800", "LC_\ud800": "1", "": "1"}
    found = restorable({**odd, **HARMLESS, "LC_ALL": "\udcff"}, odd)
    assert found == {**HARMLESS, "LC_ALL": "\udcff"}, "a byte that is no text is a value"
    subprocess.run([sys.executable, "-c", ""], env={**os.environ, **found}, check=True)
