"""How the controller of an xdist run reaches its workers: a private folder that both know.

xdist's own word to stop comes behind all tests that a worker has been given already.

    <folder>/workers/at-<worker>    the worker's process, written by itself
    <folder>/stop                   why the run is stopped, and whose test is to be interrupted: JSON, by the controller
"""

import json
import os
import shutil
import tempfile
from urllib.parse import quote, unquote

from memguard.core.errors import HostError
from memguard.core.identity import ProcessId, process_in
from memguard.host.identity import identify
from memguard.test_run.verdict import Verdict

_STOP = "stop"
_PREFIX = "at-"


class Mailbox:
    """One run's folder. It may vanish, or its disk be full: who was heard of before is still known then."""

    def __init__(self, folder: str = "") -> None:
        self.folder = folder or tempfile.mkdtemp(prefix="memguard-run-")
        self._stop = f"{self.folder}/{_STOP}"
        self._workers = f"{self.folder}/workers"
        self._known: dict[str, ProcessId] = {}

    def remove(self) -> None:
        """The run is over."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def sign_in(self, worker: str) -> None:
        """Called by a worker: this process is it. One on another machine can't be reached."""
        try:
            who = identify(os.getpid())
            if who is not None:
                self._write(self._path_of(worker), who.to_text())
        except (OSError, HostError):
            return

    def sign_out(self, worker: str) -> None:
        """Called by the controller: that worker is gone."""
        self._known.pop(worker, None)
        try:
            os.unlink(self._path_of(worker))
        except OSError:
            return

    def workers(self) -> dict[str, ProcessId]:
        """Every worker that has signed in. Called by the controller, also when a worker is ready."""
        try:
            names = [name for name in os.listdir(self._workers) if name.startswith(_PREFIX)]
        except OSError:
            return dict(self._known)
        found = {unquote(name[len(_PREFIX) :]): process_in(self._read(f"{self._workers}/{name}")) for name in names}
        self._known |= {name: who for name, who in found.items() if who}
        return dict(self._known)

    def order_stop(self, verdict: Verdict, interrupted: list[str]) -> None:
        """Called by the controller: no further test; the tests of the workers in `interrupted` end now.

        Where it can't be written, the workers end all tests that they were given; xdist gives them no more.
        """
        text = json.dumps({"verdict": verdict.to_plain(), "interrupted": interrupted})
        try:
            self._write(self._stop, text)
        except OSError:
            return

    def is_stop_ordered(self) -> bool:
        """One look: 2 us."""
        return os.path.exists(self._stop)

    def stop_order(self) -> tuple[Verdict, list[str]] | None:
        """What the controller has ordered; None where it hasn't, or isn't to be understood."""
        try:
            order = json.loads(self._read(self._stop))
            return Verdict.from_plain(order["verdict"]), list(order["interrupted"])
        except (ValueError, KeyError, TypeError):
            return None

    def _path_of(self, worker: str) -> str:
        """Its name may be anything: `--tx popen//id=a/b`."""
        return f"{self._workers}/{_PREFIX}{quote(worker, safe='')}"

    def _read(self, path: str) -> str:
        try:
            with open(path, encoding="utf-8") as file:
                return file.read()
        except OSError:
            return ""

    def _write(self, path: str, text: str) -> None:
        folder, name = os.path.split(path)
        os.makedirs(self.folder, 0o700, exist_ok=True)  # a test may have removed it
        os.makedirs(folder, 0o700, exist_ok=True)
        temporary = f"{folder}/.{name}"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
