"""`memguard status` and `memguard restart` about sessions that are not as usual."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from memguard.core.layout import project_key, write_pairs
from memguard.host import identity
from tests.sandbox import Sandbox


@pytest.fixture
def guard(opted_in: Sandbox) -> Path:
    """A guard with a living client: this process."""
    folder = opted_in.runtime / "memguard" / "guards" / "00000000000000aa"
    folder.mkdir(parents=True)
    own = identity.identify(os.getpid())
    assert own
    write_pairs(str(folder / "client"), {"id": own.to_text(), "generation": 0})
    _describe(opted_in, folder, print=0)
    return folder


def _describe(sandbox: Sandbox, folder: Path, **changed: object) -> None:
    pairs: dict[str, object] = {"kind": "launcher", "project_key": project_key(str(sandbox.project))}
    pairs |= {"state": str(sandbox.state), "launcher": "", "restartable": 1, "why": ""}
    write_pairs(str(folder / "guard"), pairs | changed)


def test_a_session_whose_project_was_opted_out_is_named_as_that(opted_in: Sandbox, guard: Path) -> None:
    assert json.loads(opted_in.memguard("status", "--json").stdout)[0]["opted_out"] is False
    opted_in.memguard("uninstall")
    assert guard.exists()
    shown = opted_in.memguard("status").stdout
    assert f"client pid {os.getpid()}" in shown
    assert "opted out" in shown
    assert json.loads(opted_in.memguard("status", "--json").stdout)[0]["opted_out"] is True
    refused = opted_in.memguard("restart", code=1).stderr
    assert "was opted out" in refused
    assert len(refused.splitlines()) == 2


def test_a_print_session_can_not_be_asked_to_restart(opted_in: Sandbox, guard: Path) -> None:
    _describe(opted_in, guard, print=1)
    refused = opted_in.memguard("restart", code=1).stderr
    assert "`claude -p` session is one turn" in refused
    assert not (guard / "request").exists()


def test_run_removes_what_a_dead_guard_has_left(opted_in: Sandbox, guard: Path) -> None:
    write_pairs(str(guard / "client"), {"id": f"{os.getpid()}:1:another-boot:1", "generation": 0})
    os.utime(guard, (0, 0))
    opted_in.start("--steps", "0", "x").communicate(timeout=60)
    assert not guard.exists()
