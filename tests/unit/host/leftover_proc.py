"""A `/proc` on disk with processes that carry session ids, and the registry that belongs to it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Unpack

from memguard.core.identity import ProcessId
from memguard.core.layout import write_pairs
from memguard.core.session_clients import add_client
from memguard.host.identity import process_id
from memguard.host.orphans import Orphans, OrphanTree
from memguard.testing.fake_host import FakeHost, ProcessFacts

OVER, LIVING = "aaaaaaaa-over", "bbbbbbbb-living"
DEAD_CLIENT, LIVING_CLIENT = 900, 901


class LeftoverProc:
    """One session that is over (its client was pid 900), and one that goes on (901); everything is older than 1000."""

    def __init__(self, fake: FakeHost, folder: Path) -> None:
        self.fake = fake
        self.runtime = str(folder / "runtime")
        os.mkdir(self.runtime, 0o700)
        self.add(1, 0)
        self.add(LIVING_CLIENT, 1, name="claude", start_ticks=500)
        add_client(self.runtime, OVER, process_id(DEAD_CLIENT, 400))
        add_client(self.runtime, LIVING, process_id(LIVING_CLIENT, 500))

    def add(
        self,
        pid: int,
        parent: int = 1,
        session: str = "",
        *,
        client_pid: int = 0,
        command: str = "",
        **facts: Unpack[ProcessFacts],
    ) -> ProcessId:
        """A process; `session` is in its environment, `client_pid` too where it is given."""
        variables = {"A": "1"}
        variables |= {"CLAUDE_CODE_SESSION_ID": session} if session else {}
        variables |= {"CLAUDE_PID": str(client_pid)} if client_pid else {}
        facts["variables"] = variables
        self.fake.add(pid, parent, **facts)
        self.fake.write(f"{pid}/cmdline", command)
        return process_id(pid, facts.get("start_ticks", 1000))

    def guard(self, name: str, client: ProcessId, launcher: ProcessId | None = None) -> str:
        """A guard's folder."""
        folder = f"{self.runtime}/guards/{name}"
        os.makedirs(f"{folder}/sessions")
        write_pairs(f"{folder}/guard", {"launcher": launcher.to_text() if launcher else ""})
        write_pairs(f"{folder}/client", {"id": client.to_text(), "generation": 0})
        return folder

    def orphans(self, *config_dirs: str) -> Orphans:
        """What is found."""
        return Orphans(self.runtime, config_dirs, self.fake.root)

    def endable(self) -> list[list[int]]:
        """The pids of each tree that is ended without asking."""
        return [pids_of(tree) for tree in self.orphans().endable]

    def doubtful(self) -> dict[int, str]:
        """Why each process is asked about."""
        return {pid: tree.asks for tree in self.orphans().doubtful for pid in pids_of(tree)}


def pids_of(tree: OrphanTree) -> list[int]:
    return [process.who.pid for process in tree.processes]
