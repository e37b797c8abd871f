"""A process that this program started itself, and may therefore end and start again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

from memguard.core.errors import ClientError
from memguard.core.identity import ProcessId
from memguard.core.log import printable
from memguard.host import current, identity
from memguard.host.descendants import Lineage
from memguard.host.sweep import SweepResult, end_all
from memguard.library.guardian_config import MemoryGuardianConfig


class OwnProcess:
    """One run of the configured command. It shares this program's terminal, standard streams and process group."""

    def __init__(self, process: asyncio.subprocess.Process, who: ProcessId) -> None:
        self._process = process
        self.who = who

    @classmethod
    async def start(cls, config: MemoryGuardianConfig, more: Mapping[str, str]) -> OwnProcess:
        """Start it, with `more` variables. Raises ClientError where it can't be."""
        if not config.command:
            raise ClientError("no command is configured", "set process_command")
        environment = {**os.environ, **config.process_env, **more}
        try:
            process = await asyncio.create_subprocess_exec(*config.command, env=environment, cwd=config.directory)
        except (OSError, ValueError) as error:
            name = printable(config.command[0], 200)
            raise ClientError(f"{name} can't be started: {error}", "correct process_command") from None
        # One that was over before it could be looked at is nobody that lives: 0 is no start.
        return cls(process, identity.identify(process.pid) or identity.process_id(process.pid, 0))

    async def wait(self) -> int:
        """Wait for its end; its exit code, negative for a signal."""
        return await self._process.wait()

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.returncode

    async def end(self, lineage: Lineage, graceful_s: float, force_s: float) -> SweepResult:
        """End it with all that it started: TERM, after `graceful_s` KILL, `force_s` for that."""
        members = [self.who, *lineage.living()]
        terminal = current.terminal_number(self.who.pid)
        result = await asyncio.to_thread(
            end_all, members, graceful_s, force_s=force_s, own_terminal=terminal,
            find_more=lambda: lineage.survivors(()),
        )  # fmt: skip
        if not identity.is_alive(self.who):
            await self._process.wait()
        return result
