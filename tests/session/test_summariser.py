"""A summariser that the person has configured, from their configuration to what the next model reads."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.installation import Installation
from tests.sandbox import Sandbox, wait_until

# The leaky client idles at 7 MB and gains 40 MB a step.
TIGHT = "[thresholds]\nwarning = 90\ncritical = 120\nemergency = 2000\n[restart_policy]\nboundary_timeout = 1\n"
STEPS = ("--steps", "40", "--leak-mb", "40", "--step-s", "0.7")
CODE = "def summarise(facts):\n    return 'a summary of ' + facts['conversation']['requests'][0]['text']\n"


def _told(sandbox: Sandbox) -> str:
    """What a new session was told of the one before it; empty while there is none."""
    texts = [path.read_text() for path in sandbox.home.glob(".claude/projects/*/*.jsonl")]
    lines = [json.loads(line) for text in texts for line in text.split("\n")[:-1]]
    contexts = [line["context"] for line in lines if line["type"] == "attachment"]
    return next((context for context in contexts if "This is a new session" in context), "")


def test_the_section_is_there_once_the_person_names_a_summariser(
    opted_in: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = Installation(tmp_path / "environment")
    installation.install(CODE)
    monkeypatch.setattr(sys, "executable", installation.python)
    opted_in.config(f'{TIGHT}strategy = "fresh"\n[handoff]\nsummariser = "brief"\n')
    session = opted_in.start(*STEPS, "count")
    told = wait_until(lambda: _told(opted_in), "the next session's digest", 60)
    session.terminate()
    session.communicate(timeout=60)
    assert 'Written by the summariser "brief"' in told
    assert '"a summary of count"' in told
