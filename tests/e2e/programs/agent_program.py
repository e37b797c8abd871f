"""A program of the Agent SDK: three steps of one conversation, each noted when done. Started again, it goes on."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, ResultMessage

from memguard import restart_notice

STEPS = ("first plan the work", "then do the work", "at last say what was done")


async def main(client_path: str, done: Path, finished: list[str]) -> None:
    notice = restart_notice()
    session_id = notice.session_id if notice else ""
    options = ClaudeAgentOptions(cli_path=client_path, allowed_tools=["Bash"], resume=session_id or None)
    async with ClaudeSDKClient(options) as client:
        for step in STEPS[len(finished) :]:
            await client.query(step)
            async for message in client.receive_response():
                if isinstance(message, ResultMessage) and not message.is_error:
                    with done.open("a") as file:
                        file.write(f"{step}\n")


note = Path(sys.argv[2])
asyncio.run(main(sys.argv[1], note, note.read_text().splitlines() if note.exists() else []))
