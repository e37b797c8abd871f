"""Capturing the state of a guarded process, and giving it back: on memguard's store, sealed and locked."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memguard.config import dirs
from memguard.core.errors import MemguardError, StateError
from memguard.core.identity import ProcessId
from memguard.core.layout import is_plain_id, private_dir, project_key, project_root
from memguard.core.log import printable
from memguard.core.spawn import capture_command, worker_environment
from memguard.host import identity
from memguard.library.claude_session import session_in_tree
from memguard.library.complete_state import CompleteState
from memguard.library.snapshot_state import complete_state, state_of_facts
from memguard.state import files, keys
from memguard.state.choice import Needs, choose
from memguard.state.compiled import SnapshotSettings, snapshot_settings
from memguard.state.lock import store_lock
from memguard.state.restorable import restorable
from memguard.state.resumable import client_folder, place
from memguard.state.retention import prune
from memguard.state.snapshot import Snapshot
from memguard.state.store import Store
from memguard.state.transcript import config_dir

_LOG = logging.getLogger(__name__)
_CAPTURE_TIMEOUT_S = 120.0
_LATEST = "latest"


class StateManager:
    """The states of one project.

    `state_dir` is where they are kept (default: memguard's state folder, with the snapshots that hooks and watchdogs
    take); `project` the folder that they are of (default: the working directory). `ask` asks for the passphrase of a
    key that is behind one; without it, such a key opens nothing.
    """

    def __init__(
        self,
        state_dir: Path | None = None,
        *,
        project: str | os.PathLike[str] | None = None,
        ask: Callable[[str], str] | None = None,
    ) -> None:
        self.state_dir = private_dir(os.path.abspath(state_dir)) if state_dir else dirs.state_dir()
        self.project = project_root(os.fspath(project) if project else os.getcwd())
        self.last_error = ""  # why the last call gave None or False
        self.resumed_session = ""  # the id under which the last restored conversation can be resumed
        self._ask = ask
        self._who: ProcessId | None = None
        self._directory = ""

    def watch(self, who: ProcessId | None, directory: str = "") -> None:
        """Whose state is captured from now on (None: this very program's), and where it works."""
        self._who, self._directory = who, directory

    async def capture_state(self, reason: str = "manual") -> CompleteState | None:
        """Take a snapshot, in a process of its own; None where that failed (`last_error` says why).

        With a Claude Code client in the process's tree, its conversation is in it.
        """
        try:
            command = await asyncio.to_thread(self._command, reason)
            snapshot_id = await self._run(command)
            return await asyncio.to_thread(self._loaded, snapshot_id)
        except (MemguardError, OSError) as error:
            self._failed("capture", error)
            return None

    async def restore_state(self, state: str | CompleteState | None = None) -> bool:
        """Give back what a state (its id, None: the newest good one) holds: folder, variables, conversation.

        This process changes to the folder, gets the variables that `memguard restore` would give (none that says which
        program runs, whom it speaks to, or is a secret), and the conversation is put where the client looks for it,
        where it isn't already. False, with nothing changed, where the state can't be opened.
        """
        try:
            state_id = state.state_id if isinstance(state, CompleteState) else state
            if state_id == "":
                raise StateError("this state has no id", "give one that was captured or loaded")
            await asyncio.to_thread(self._restore, state_id)
        except (MemguardError, OSError) as error:
            self._failed("restore", error)
            return False
        return True

    async def load_state(self, state_id: str | None = None) -> CompleteState | None:
        """Open a state (its id or the beginning of one, None: the newest good one) without applying it."""
        try:
            return complete_state(await asyncio.to_thread(self._opened, state_id))
        except (MemguardError, OSError) as error:
            self._failed("load", error)
            return None

    async def cleanup_old_states(self, max_age_days: int = 7) -> int:
        """Remove what is older; how many went. The newest good one of each live session stays, whatever its age."""
        try:
            return await asyncio.to_thread(self._clean_up, max_age_days)
        except (MemguardError, OSError) as error:
            self._failed("cleanup", error)
            return 0

    @property
    def store(self) -> Store:
        """Where the states are."""
        return Store(self.state_dir, project_key(self.project))

    def _command(self, reason: str) -> list[str]:
        who = self._who or identity.identify(os.getpid())
        session = session_in_tree(who.pid) if who else None
        client = session.client if session else who
        described = {
            "id": session.session_id if session else "",
            "transcript": session.transcript if session and os.path.exists(session.transcript) else "",
            "cwd": session.cwd if session else self._directory or os.getcwd(),
            "client": client.to_text() if client else "",
        }
        return capture_command(sys.executable, (self.state_dir, project_key(self.project)), reason, described)

    async def _run(self, command: list[str]) -> str:
        """The new snapshot's id. Raises StateError with the worker's own words."""
        worker = await asyncio.create_subprocess_exec(
            *command, env=worker_environment(dict(os.environ)), stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            output, errors = await asyncio.wait_for(worker.communicate(), _CAPTURE_TIMEOUT_S)
        except TimeoutError:
            worker.kill()
            await worker.wait()
            raise StateError("the capture took too long", "see memguard's log") from None
        found = output.decode("ascii", "replace").strip()
        if worker.returncode or not is_plain_id(found):
            said = errors.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise StateError(printable(said, 300) or "the capture ended without a word", "see memguard's log")
        return found

    def _loaded(self, snapshot_id: str) -> CompleteState:
        """The state that was just taken: it is there also where the key that opens it isn't."""
        try:
            return complete_state(self._opened(snapshot_id))
        except StateError as error:
            _LOG.debug("the snapshot %s is not opened: %s", snapshot_id, error.what)
            return state_of_facts(self.store.about(snapshot_id), snapshot_id)

    def _opened(self, state_id: str | None) -> Snapshot:
        """An id is one that the store lists, or begins one: no path leads elsewhere by it."""
        store, private = self.store, keys.private_keys(self.state_dir, self._ask)
        if state_id is None:
            return choose(store, private, _LATEST, "", Needs.RECORD).snapshot
        return store.read(store.find(state_id), private)

    def _restore(self, state_id: str | None) -> None:
        snapshot = self._opened(state_id)
        directory = snapshot["project"]["cwd"]
        if not os.path.isdir(directory):
            raise StateError(f"{printable(directory, 300)} is not there any more", "restore another state")
        self.resumed_session = self._conversation_back(snapshot, directory)
        os.chdir(directory)
        os.environ.update(restorable(snapshot["process"]["environment"]))

    def _conversation_back(self, snapshot: Snapshot, directory: str) -> str:
        """The session's id: as it is where the client still has the conversation."""
        session_id = snapshot["session_id"]
        if not any(part["is_sealed"] for part in snapshot["transcripts"]):
            return session_id
        folder = client_folder(config_dir(os.environ), directory)
        if is_plain_id(session_id) and os.path.exists(os.path.join(folder, f"{session_id}.jsonl")):
            return session_id
        return place(self.store, snapshot, keys.private_keys(self.state_dir, self._ask), folder).session

    def _clean_up(self, max_age_days: int) -> int:
        store = self.store
        if not os.path.isdir(store.folder):
            return 0
        runtime_dir = snapshot_settings(store.project_dir).runtime_dir
        settings = SnapshotSettings(max(0, max_age_days), sys.maxsize, math.inf, runtime_dir=runtime_dir)
        with files.told(store.folder), store_lock(store.project_dir):
            return len(prune(store, settings, ""))

    def _failed(self, what: str, error: Exception) -> None:
        self.last_error = error.what if isinstance(error, MemguardError) else str(error)
        _LOG.error("%s of a state failed: %s", what, printable(self.last_error, 300))

    def statistics(self) -> dict[str, Any]:
        """How many states there are, and the newest one's id."""
        try:
            ids = self.store.ids()
        except MemguardError:
            ids = []
        return {"states": len(ids), "newest": ids[0] if ids else ""}
