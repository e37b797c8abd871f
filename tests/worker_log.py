"""What hooks start, seen by the interpreter that they start it with: a line for each worker, before it begins."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from memguard.core.layout import COMPILED, read_pairs, write_pairs

if TYPE_CHECKING:
    from tests.sandbox import Sandbox

CAPTURE = "memguard.state.capture"


class WorkerLog:
    """Stands in for the project's interpreter from now on. With `runs` off, what is started ends at once."""

    def __init__(self, box: Sandbox, *, runs: bool = True) -> None:
        self._log = box.folder / "workers.log"
        program = box.folder / "python"
        run = f'exec {shlex.quote(sys.executable)} "$@"' if runs else "exit 0"
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {shlex.quote(str(self._log))}\n{run}\n')
        program.chmod(0o700)
        compiled = str(box.state_folder / COMPILED)
        write_pairs(compiled, {**read_pairs(compiled), "python": program})

    def captures(self) -> list[str]:
        """The command lines of the captures so far."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [line for line in lines if CAPTURE in line]

    def reasons(self) -> list[str]:
        """Why each was started."""
        return [line.partition("--reason ")[2].partition(" --")[0] for line in self.captures()]
