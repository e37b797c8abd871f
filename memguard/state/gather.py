"""Everything but the conversation, read in a thread of its own while the conversation is being sealed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from memguard.state.compiled import EXACT
from memguard.state.process import ProcessSnapshot, client_environment, empty_process, snapshot_process
from memguard.state.project import ProjectSnapshot, snapshot_project, unknown_git

if TYPE_CHECKING:
    from memguard.state.request import CaptureRequest


class Gathering:
    """Starts at once. `environment` is the client's own, unredacted; `wait` waits for the rest."""

    def __init__(self, request: CaptureRequest, privacy: str) -> None:
        self._request = request
        self._is_exact = privacy == EXACT
        self.environment = client_environment(request.client)
        self.process: ProcessSnapshot = empty_process()
        self.project: ProjectSnapshot = {"cwd": request.cwd, "git": unknown_git(), "open_files": []}
        self._missing: list[str] = []
        self._thread = threading.Thread(target=self._gather, daemon=True)
        self._thread.start()

    def wait(self) -> list[str]:
        """Wait until process and project are read; what could not be, in words."""
        self._thread.join()
        return self._missing

    def _gather(self) -> None:
        """A defect here costs this part, never the conversation; it is said in the snapshot."""
        try:
            self.process = snapshot_process(self._request.client, self.environment, self._is_exact)
            if not self.process["pid"]:
                self._missing.append("the client: it was not running any more, or not named")
            elif not self.process["environment"]:
                self._missing.append("the client's environment: it can't be read")
            self.project = snapshot_project(self._request.cwd, [process["pid"] for process in self.process["tree"]])
        except Exception as error:  # noqa: BLE001
            self._missing.append(f"process and project: {type(error).__name__}")
