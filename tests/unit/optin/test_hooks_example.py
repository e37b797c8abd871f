"""hooks.json.example shows what `memguard init` writes, with placeholders for the three paths."""

import json
import os
from pathlib import Path

import claude_hooks
from memguard.config.load import LoadedConfig
from memguard.optin.events import EVENTS, Installation, this_installation
from memguard.optin.project import ProjectOptIn

EXAMPLE = Path(__file__).parents[3] / "hooks.json.example"
PLACEHOLDERS = Installation(
    "/path/to/python3", "/path/to/site-packages/claude_hooks", "/home/you/.local/state/memguard"
)


def entries() -> dict[str, dict[str, object]]:
    hooks = json.loads(EXAMPLE.read_text(encoding="utf-8"))["hooks"]
    return {event: groups[0]["hooks"][0] for event, groups in hooks.items()}


def test_it_names_every_event_and_a_script_that_exists() -> None:
    folder = os.path.dirname(os.path.abspath(claude_hooks.__file__))
    assert list(entries()) == [event.name for event in EVENTS]
    for entry in entries().values():
        arguments = entry["args"]
        assert isinstance(arguments, list)
        assert os.path.dirname(arguments[2]) == PLACEHOLDERS.scripts_dir
        assert os.path.isfile(os.path.join(folder, os.path.basename(arguments[2])))


def test_it_is_what_init_writes(project: Path, opt_in: ProjectOptIn, loaded: LoadedConfig) -> None:
    opt_in.opt_in(loaded, "/run/x")
    written = (project / ".claude" / "settings.local.json").read_text(encoding="utf-8")
    here = this_installation(opt_in.state_dir)
    for own, placeholder in (
        (here.scripts_dir, PLACEHOLDERS.scripts_dir),
        (here.state_dir, PLACEHOLDERS.state_dir),
        (here.python, PLACEHOLDERS.python),
    ):
        written = written.replace(json.dumps(own)[1:-1], placeholder)
    assert written == EXAMPLE.read_text(encoding="utf-8")
