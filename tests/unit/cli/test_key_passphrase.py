"""A passphrase is asked for on the terminal, without echo, whatever stdin is."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from memguard.state.keys import private_keys
from tests.sandbox import Sandbox

WORDS = "three pears in a boat"
# Opens a terminal, which becomes that of its process session, and runs its command there.
LEADS = "import os, sys; os.open(sys.argv[1], os.O_RDWR); os.execv(sys.argv[2], sys.argv[2:])"
TIMEOUT_S = 30


class AtTerminal:
    """A command that has a terminal, and nothing in its stdin."""

    def __init__(self, sandbox: Sandbox, *words: str) -> None:
        self.outer, self._inner = pty.openpty()
        command = [sys.executable, "-c", LEADS, os.ttyname(self._inner), *sandbox.command(*words)]
        self.process = subprocess.Popen(
            command, cwd=sandbox.project, env=sandbox.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True, text=True,
        )  # fmt: skip
        self.screen = ""

    def __enter__(self) -> AtTerminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.process.kill()
        self.process.communicate()
        os.close(self.outer)
        os.close(self._inner)

    def answer(self, prompt: str, text: str) -> None:
        """Wait for `prompt`, and type."""
        shown = ""
        while prompt not in shown:
            assert select.select([self.outer], [], [], TIMEOUT_S)[0], f"waited for {prompt!r}: {self.screen + shown}"
            shown += os.read(self.outer, 4096).decode()
        self.screen += shown
        os.write(self.outer, f"{text}\n".encode())

    def end(self, code: int) -> str:
        """What it printed; its exit code must be `code`."""
        out, err = self.process.communicate(timeout=TIMEOUT_S)
        while select.select([self.outer], [], [], 0)[0]:
            self.screen += os.read(self.outer, 4096).decode()
        assert self.process.returncode == code, out + err
        return out + err


def test_it_is_asked_twice_without_echo_and_opens(sandbox: Sandbox) -> None:
    with AtTerminal(sandbox, "key", "rotate", "--to", "passphrase") as terminal:
        terminal.answer("New passphrase: ", WORDS)
        terminal.answer("The same again: ", WORDS)
        assert "behind a passphrase" in terminal.end(0)
        assert WORDS not in terminal.screen
    current = (sandbox.state / "keys" / "current").read_text().strip()
    assert private_keys(str(sandbox.state), lambda _: WORDS).key_for(current)


def test_two_that_differ_change_nothing(sandbox: Sandbox) -> None:
    sandbox.memguard("key", "rotate")
    before = {path.name: path.read_bytes() for path in (sandbox.state / "keys").iterdir()}
    with AtTerminal(sandbox, "key", "rotate", "--to", "passphrase") as terminal:
        terminal.answer("New passphrase: ", WORDS)
        terminal.answer("The same again: ", WORDS + " ")
        assert "the two passphrases differ" in terminal.end(1)
    assert {path.name: path.read_bytes() for path in (sandbox.state / "keys").iterdir()} == before


def test_an_export_is_behind_a_passphrase_by_default(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.memguard("key", "rotate")
    with AtTerminal(sandbox, "key", "export", str(tmp_path / "export")) as terminal:
        terminal.answer("New passphrase: ", WORDS)
        terminal.answer("The same again: ", WORDS)
        terminal.end(0)
    assert (tmp_path / "export").read_text().startswith("memguard-key 2 passphrase\n")
