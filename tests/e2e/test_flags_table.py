"""The table of the client's flags and commands, held against what the pinned client says of itself."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from memguard.launcher.flags import COMMANDS, FLAGS, MANY, MAYBE, NONE, ONE

from .harness import Home, clean_environment, client_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def help_text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The client's own `--help`, asked with a home of its own."""
    folder: Path = tmp_path_factory.mktemp("help")
    environment = clean_environment(Home(folder / "home"), "http://127.0.0.1:9")
    command = [str(client_path()), "--help"]
    return subprocess.run(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout


def _flags(help_text: str) -> Iterator[tuple[str, str]]:
    """Every spelling of every flag, with the words that it takes: `-r, --resume [value]  Resume a…`."""
    for line in _section(help_text, "Options:"):
        if found := re.match(r"  (-\S+(?:, -\S+)*)( <[^>]*>| \[[^]]*\])?(?:  |$)", line):
            names, value = found.groups()
            yield from ((name, _takes(value or "")) for name in names.split(", "))


def _takes(value: str) -> str:
    if not value:
        return NONE
    if value.strip("<>[] ").endswith("..."):
        return MANY
    return MAYBE if value.startswith(" [") else ONE


def _section(help_text: str, heading: str) -> list[str]:
    lines = help_text.split(f"\n{heading}\n", 1)[1].splitlines()
    return lines[: lines.index("")] if "" in lines else lines


def test_every_flag_of_the_client_is_in_the_table_with_the_words_that_it_takes(help_text: str) -> None:
    said = dict(_flags(help_text))
    assert len(said) > 60
    assert {"-p": NONE, "--resume": MAYBE, "--model": ONE, "--allowed-tools": MANY}.items() <= said.items()
    assert {name: FLAGS.get(name, ("", "not in the table"))[1] for name in said} == said


def test_every_command_of_the_client_is_known(help_text: str) -> None:
    lines = _section(help_text, "Commands:")
    names = [found[1] for line in lines if (found := re.match(r"  (\S+)", line))]
    said = {name for alternatives in names for name in alternatives.split("|")}
    assert {"mcp", "doctor", "plugins", "kill"} <= said
    assert said - COMMANDS == set()
