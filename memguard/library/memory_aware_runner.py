"""`MemoryAwareRunner`: runs any command under a guardian, to its end, through its restarts."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from types import FrameType
from typing import Any

from memguard.core.errors import ClientError
from memguard.library.event_hub import Callback
from memguard.library.guardian_config import MemoryGuardianConfig
from memguard.library.memory_guardian import MemoryGuardian
from memguard.library.restart_protection import RestartProtection
from memguard.library.state_manager import StateManager


class MemoryAwareRunner:
    """Guards a command: an Agent SDK program, a build, anything. The command reads `restart_notice()` to go on.

    In a coroutine: `async with MemoryAwareRunner(config) as runner: code = await runner.wait()`. Anywhere else:
    `MemoryAwareRunner(config).run()`.
    """

    def __init__(
        self,
        config: MemoryGuardianConfig,
        state_manager: StateManager | None = None,
        restart_protection: RestartProtection | None = None,
    ) -> None:
        if not config.command:
            raise ClientError("a runner needs a command", "set process_command and process_args")
        self.guardian = MemoryGuardian(config, state_manager, restart_protection)

    def on(self, event: str, callback: Callback) -> Callback:
        """As `MemoryGuardian.on`."""
        return self.guardian.on(event, callback)

    async def start(self) -> bool:
        """Start the command; False where it can't be (`guardian.last_refusal` says why)."""
        return await self.guardian.start_process()

    async def wait(self) -> int:
        """Wait for the command's end, through its restarts; its exit code, negative for a signal."""
        code = 1
        while (process := self.guardian.own_process) is not None:
            code = await process.wait()
            await self.guardian.when_settled()
            if self.guardian.own_process is process:
                break
        return code

    async def stop(self) -> None:
        """End the command, with all that it started."""
        await self.guardian.stop_process()

    async def __aenter__(self) -> MemoryAwareRunner:
        if not await self.start():
            raise ClientError(self.guardian.last_refusal or "the command did not start", "correct process_command")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def run_async(self) -> int:
        """Start, wait, and leave nothing behind; the exit code. Raises ClientError where it can't be started."""
        async with self:
            return await self.wait()

    def run(self) -> int:
        """The same for a program without an event loop. SIGTERM to this program ends the command first."""
        if threading.current_thread() is not threading.main_thread():
            return asyncio.run(self.run_async())
        before = signal.signal(signal.SIGTERM, _exit)
        try:
            return asyncio.run(self.run_async())
        finally:
            signal.signal(signal.SIGTERM, before)

    def get_statistics(self) -> dict[str, Any]:
        """As `MemoryGuardian.get_statistics`."""
        return self.guardian.get_statistics()


def _exit(number: int, _: FrameType | None) -> None:
    """As the default would, but through the coroutine, which ends the command."""
    sys.exit(128 + number)
