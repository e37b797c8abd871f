"""The nine events, their scripts, and how memguard knows its own entries."""

import os

import pytest

import claude_hooks
from memguard.optin.events import (
    EVENTS,
    Installation,
    exec_entry,
    is_own,
    shim_command,
    shim_entry,
    this_installation,
    wanted_entries,
)

PLACE = Installation("/opt/python", "/opt/lib/claude_hooks", "/home/x/.local/state/memguard")


def test_every_event_has_its_script_and_every_script_its_event() -> None:
    folder = os.path.dirname(os.path.abspath(claude_hooks.__file__))
    scripts = {name for name in os.listdir(folder) if name.endswith(".py") and name != "__init__.py"}
    assert scripts == {f"{event.script}.py" for event in EVENTS}
    assert len(EVENTS) == 9


def test_a_local_entry_starts_the_script_without_a_shell_and_by_absolute_paths() -> None:
    entry = exec_entry(EVENTS[0], this_installation("/state"))
    python, arguments = str(entry["command"]), entry["args"]
    assert isinstance(arguments, list)
    assert os.path.isabs(python)
    assert os.access(python, os.X_OK)
    assert arguments[:2] == ["-I", "-S"]
    assert os.path.isfile(arguments[2])
    assert arguments[3:] == ["/state"]
    assert entry["timeout"] == 10


def test_tool_events_match_every_tool() -> None:
    wanted = wanted_entries("local", PLACE)
    assert {name for name, (matcher, _) in wanted.items() if matcher == "*"} == {
        "PreToolUse",
        "PostToolUse",
        "PostToolUseFailure",
    }


def test_memguards_own_entries_are_known_again() -> None:
    for event in EVENTS:
        assert is_own(exec_entry(event, PLACE))
        assert is_own(exec_entry(event, Installation("C:\\py.exe", "C:\\lib\\claude_hooks", "C:\\state")))
        assert is_own(shim_entry(event))


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "command", "command": "python3 -I -S /opt/lib/claude_hooks/stop.py"},
        {"type": "command", "command": "python3", "args": ["/opt/lib/claude_hooks/stop.py"]},
        {"type": "command", "command": "python3", "args": ["-I", "-S", "/opt/my_claude_hooks/stop.py"]},
        {"type": "command", "command": "python3", "args": ["-I", "-S", "/opt/claude_hooks/my_own.py"]},
        {"type": "command", "command": "python3", "args": ["-I", "-S"]},
        {"type": "command", "command": "python3", "args": ["-I", "-S", 7]},
        {"type": "command", "command": "echo memguard >> /tmp/log"},
        {"type": "command", "command": shim_command(EVENTS[0]) + " # mine"},
        {"type": "http", "url": "http://localhost/claude_hooks/stop.py"},
        {"type": "command"},
        "claude_hooks/stop.py",
        None,
    ],
)
def test_a_persons_own_hook_is_never_taken_for_memguards(entry: object) -> None:
    assert not is_own(entry)
