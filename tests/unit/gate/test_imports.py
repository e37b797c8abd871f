"""The light half stays light: what a quiet hook, the watchdog and the launcher have loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
THIRD_PARTY = {"psutil", "pydantic", "platformdirs", "filelock", "cryptography", "zstandard"}
SLOW = {"dataclasses", "enum", "typing", "re", "pathlib", "json", "asyncio", "logging", "subprocess", "hashlib"}


def _loaded_by(module: str) -> set[str]:
    code = f"import sys; sys.path.insert(0, sys.argv[1]); import {module}; print(*sys.modules)"
    command = [sys.executable, "-I", "-S", "-c", code, str(ROOT)]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_a_quiet_hook_loads_seven_modules_of_ours_and_nothing_slow() -> None:
    loaded = _loaded_by("memguard.gate")
    assert not loaded & (THIRD_PARTY | SLOW)
    ours = {name for name in loaded if name.startswith("memguard")}
    assert ours == {
        "memguard", "memguard.core", "memguard.core.layout", "memguard.gate", "memguard.gate.event", "memguard.host",
        "memguard.host.linux",
    }  # fmt: skip


def test_a_capture_at_a_turns_end_loads_nothing_slow() -> None:
    """With `json` and what imports it, a Stop takes twice as long."""
    assert not _loaded_by("memguard.gate.captures") & (THIRD_PARTY | SLOW)


def test_the_budget_of_a_command_costs_one_module_more_and_nothing_slow() -> None:
    sound, torn = (
        f"Payload(b'{{\"tool_input\":{text}', b'', 0).command()" for text in ('{"command":"x"}', '{"command":"x')
    )
    code = f"assert {sound} == 'x'; assert {torn} == ''"
    loaded = _loaded_by(f"memguard.gate, memguard.core.tool_budgets; from memguard.gate.event import Payload; {code}")
    assert "_json" in loaded
    assert not loaded & (THIRD_PARTY | SLOW)


@pytest.mark.parametrize("module", ["memguard.watchdog.loop", "memguard.launcher.session"])
def test_what_stays_resident_loads_no_third_party_and_nothing_large(module: str) -> None:
    loaded = _loaded_by(module)
    assert not loaded & (THIRD_PARTY | {"asyncio", "logging", "subprocess", "hashlib", "dataclasses", "pathlib"})
    assert not {name for name in loaded if name.startswith(("memguard.cli", "memguard.config", "memguard.state"))}
