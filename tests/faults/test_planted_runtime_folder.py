"""The runtime folder may be a stranger's: where there is only `/tmp`, whoever is first after a reboot makes it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from memguard.core.layout import write_pairs
from memguard.host import identity

if TYPE_CHECKING:
    from tests.sandbox import Sandbox

SESSION = "11111111-2222-3333-4444-555555555555"
EVENT = json.dumps({"session_id": SESSION, "cwd": "/", "source": "startup"}, separators=(",", ":")).encode()


@pytest.fixture
def trap(opted_in: Sandbox) -> Path:
    """A guard for this very process whose configuration names a program of the stranger's; the program's mark."""
    program, mark = opted_in.folder / "planted", opted_in.folder / "mark"
    program.write_text(f"#!/bin/sh\nenv > '{mark}'\n")
    program.chmod(0o755)
    _record(opted_in, guard="00000000000000aa")
    guard = opted_in.runtime / "memguard" / "guards" / "00000000000000aa"
    guard.mkdir(parents=True)
    pairs = (opted_in.state_folder / "compiled").read_text().splitlines()
    (guard / "compiled").write_text(
        "\n".join(f"python={program}" if pair.startswith("python=") else pair for pair in pairs) + "\n"
    )
    return mark


def _record(sandbox: Sandbox, guard: str, **changed: str) -> None:
    own = identity.identify(os.getpid())
    assert own
    clients = sandbox.runtime / "memguard" / "clients"
    clients.mkdir(exist_ok=True)
    record: dict[str, object] = {"id": changed.get("id", own.to_text()), "guard": guard}
    write_pairs(str(clients / str(os.getpid())), record)


def _guards(sandbox: Sandbox) -> list[str]:
    return [guard.name for guard in sandbox.guards()]


def test_a_program_that_the_runtime_folder_names_is_never_run(opted_in: Sandbox, trap: Path) -> None:
    opted_in.hook("session_start", EVENT)
    assert (opted_in.guards()[0] / "sessions" / SESSION).exists()  # the guard itself is believed
    assert not trap.exists()


def test_in_a_folder_that_others_may_write_to_nothing_is_believed(opted_in: Sandbox, trap: Path) -> None:
    opted_in.runtime.chmod(0o777)
    done = opted_in.hook("session_start", EVENT)
    assert (done.returncode, done.stdout) == (0, b"")
    assert not (opted_in.guards()[0] / "sessions").exists()
    assert not trap.exists()
    assert "is not this user's alone" in opted_in.log()[-1]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_in_another_users_folder_nothing_is_believed(opted_in: Sandbox, trap: Path) -> None:
    os.chown(opted_in.runtime / "memguard", 12345, 12345)
    done = opted_in.hook("session_start", EVENT)
    assert (done.returncode, done.stdout) == (0, b"")
    assert not (opted_in.guards()[0] / "sessions").exists()
    assert not trap.exists()


@pytest.mark.parametrize("guard", ["../../../elsewhere", "", ".."])
def test_a_guard_that_is_no_plain_id_is_none(opted_in: Sandbox, guard: str) -> None:
    _record(opted_in, guard)
    before = set(opted_in.folder.iterdir())
    opted_in.hook("session_start", EVENT, CLAUDE_PID=str(os.getpid()))
    assert all(len(name) == 16 for name in _guards(opted_in))
    assert set(opted_in.folder.iterdir()) == before


@pytest.mark.parametrize("part", [2, 3], ids=["boot", "namespace"])
def test_a_record_of_another_boot_or_namespace_is_not_this_clients(opted_in: Sandbox, trap: Path, part: int) -> None:
    own = identity.identify(os.getpid())
    assert own
    words = own.to_text().split(":")
    words[part] = "1"
    _record(opted_in, "00000000000000aa", id=":".join(words))
    opted_in.hook("session_start", EVENT, CLAUDE_PID=str(os.getpid()))
    assert not (opted_in.runtime / "memguard" / "guards" / "00000000000000aa" / "sessions").exists()
    assert not trap.exists()
