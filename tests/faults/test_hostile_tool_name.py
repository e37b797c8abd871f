"""A program that is called `foo) Z 1`, or sets the terminal's title: found, ended, and named cleanly."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from memguard.core.part import MCP, TOOL
from memguard.host.linux_facts import command_name
from memguard.watchdog.part_action import ENDED
from memguard.watchdog.shown_parts import ShownParts
from tests.guard_rig import GuardRig
from tests.unit.host.workshop import gone

if TYPE_CHECKING:
    from memguard.core.identity import ProcessId

# Calls itself what it is told; its child carries the same name, and sits in a process session of its own.
NAMED = """
import os, sys, time
with open("/proc/self/comm", "wb") as file: file.write(os.fsencode(sys.argv[1])[:15])
if not os.fork():
    os.setsid()
print(os.getpid(), flush=True)
time.sleep(120)
"""
NAMES = {
    "a zombie's": "foo) Z 1",
    "a closed title": "\x1b]0;owned\x07x",
    "lines": "a\nkind=x\r\nb",
    "backwards": "\u202eevil",
    "not text": "\udcff\udcfe",
    "parentheses": ") S 1 (",
}


def started(rig: GuardRig, kind: str, name: str) -> ProcessId:
    """A program whose name is in its `comm` as well as on its command line."""
    import os

    link = os.fsencode(rig.folder) + b"/" + os.fsencode(name)
    if not os.path.lexists(link):
        os.symlink(os.fsencode(sys.executable), link)
    words = [os.fsdecode(link), "-I", "-S", "-c", NAMED, name]
    return rig.start(kind, *words)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("kind", [TOOL, MCP])
def test_it_is_found_ended_and_named_cleanly(rig: GuardRig, kind: str, name: str) -> None:
    root = started(rig, kind, name)
    assert command_name(root.pid).strip() != "python"
    part = rig.part(root)
    assert len(part.processes) == 2
    assert part.footprint_bytes > 0
    status = str(ShownParts().of(rig.session))
    outcome, action = rig.end(rig.excess(root))
    assert (outcome, len(action.held)) == (ENDED, 2)
    assert all(gone(who) for who in action.held)
    written = (rig.project / "events.jsonl").read_text() + status + rig.log()
    written += "".join(path.read_text() for path in (rig.guard / "notes").iterdir())
    assert len(rig.notes()) == 1
    assert all(character.isprintable() or character == "\n" for character in written)
    (note,) = rig.notes().values()
    assert (note["kind"], note["tool"]) == (kind, part.name)
    assert all(c.isalnum() or c in "_-.:@?" for c in part.name)
    assert "\\u001b" not in written, "not even quoted: somebody will unquote it"


def test_a_spool_line_can_not_bring_a_name_either(rig: GuardRig) -> None:
    """The gate cleans the words of its lines; a line that it didn't write is believed no further."""
    rig.begin_call("toolu_1", tool="Ba\x1b[31msh\nkind=client")
    root = rig.hold(TOOL, 1)
    assert rig.part(root).name == "Bash", "only calls of the shell tool start processes of their own"
    assert rig.end(rig.excess(root))[0] == ENDED
    (note,) = rig.notes().values()
    assert (note["kind"], note["tool"]) == (TOOL, "Bash")
