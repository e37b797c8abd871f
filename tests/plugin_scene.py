"""A guarded session with plugins: a real worker, in an environment where the test has installed them."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memguard.watchdog.plugin_pipe import PluginPipe, PluginState
from tests.guard_rig import GuardRig
from tests.installation import METADATA, Installation
from tests.sandbox import wait_until

MB = 1024 * 1024
HEAD = "import os, sys, time\nfrom memguard.plugins import *\n"
# Writes down what it hears of, a line of JSON each.
RECORDER = """
import json
class Recorder:
    def __init__(self, context):
        self.path, self.options = context.folder() + "/heard", context.options
        self.write("made", dict(context.options))
    def write(self, *what):
        with open(self.path, "a") as file:
            print(json.dumps(what), file=file)
    @hookimpl
    def event_recorded(self, event):
        self.write(event.event, type(event).__name__, dict(event.fields))
    @hookimpl
    def stopping(self):
        self.write("stopping")
make = Recorder
"""


def install_plugin(installation: Installation, name: str, code: str, module: str = "") -> None:
    """A distribution with one plugin, the object `make` of its module, as an installer leaves it."""
    module = module or f"sample_{name.replace('-', '_')}"
    for stale in (installation.packages / "__pycache__").glob(f"{module}.*"):
        stale.unlink()  # byte code of a source of the same second and length would be taken for this one's
    (installation.packages / f"{module}.py").write_text(HEAD + textwrap.dedent(code))
    info = installation.packages / f"{module}-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(METADATA.format(name=module))
    (info / "entry_points.txt").write_text(f"[memguard]\n{name} = {module}:make\n")


def hooks(**bodies: str) -> str:
    """The code of a plugin with these hooks, each a body; the argument is called as it has to be."""
    arguments = {"detect": "reading", "act": "finding", "stopping": ""}
    lines = ["class make:", "    def __init__(self, context): self.context = context"]
    for name, body in bodies.items():
        argument = arguments.get(name, "question" if name.startswith(("choose", "build")) else "event")
        lines += ["    @hookimpl", f"    def {name}(self{', ' * bool(argument)}{argument}):"]
        lines += [f"        {line}" for line in textwrap.dedent(body).strip().splitlines()]
    return "\n".join(lines) + "\n"


class PluginScene:
    """One rig whose session has plugins. `recorder` hears everything; it comes last, so that all others come before."""

    def __init__(self, installation: Installation, make_rig: Callable[..., GuardRig]) -> None:
        self.installation = installation
        self._make_rig = make_rig
        self.rig: GuardRig

    def start(
        self, *names: str, timeout_s: float = 5.0, memory_mb: int = 256, variables: str = "", **options: Any
    ) -> GuardRig:
        """Begin a session with these plugins and the recorder, which pluggy calls last, as it is named first."""
        install_plugin(self.installation, "recorder", RECORDER)
        self.rig = self._make_rig(
            python=self.installation.python, plugins=" ".join(("recorder", *names)), plugin_timeout_s=timeout_s,
            plugin_memory_bytes=memory_mb * MB, plugin_options=json.dumps(options), plugin_variables=variables,
        )  # fmt: skip
        self.rig.closers.append(self._stop)
        self.rig.session.start_plugins()
        self.until(
            lambda: bool(self.pipe.hooks) or all(state.failed_in for state in self.pipe.states.values()), "worker"
        )
        return self.rig

    def _stop(self) -> None:
        self.pipe.stop()

    @property
    def pipe(self) -> PluginPipe:
        assert self.rig.session.plugins is not None
        return self.rig.session.plugins

    def state(self, name: str) -> PluginState:
        return self.pipe.states[name]

    def tell(self, event: str = "restart_failed", **fields: object) -> None:
        """As memguard does when something happens."""
        self.rig.session.journal.event(event, **fields)

    def until(self, condition: Callable[[], object], what: str, timeout_s: float = 30) -> None:
        """Look, as the watchdog does at each wake, until it is so."""

        def looked() -> object:
            self.pipe.look()
            return condition()

        wait_until(
            looked,
            what,
            timeout_s,
        )

    def heard(self, name: str = "") -> list[list[Any]]:
        """What the recorder wrote, of one event or all."""
        path = self.rig.state / "plugins" / "recorder" / "heard"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in map(json.loads, lines) if name in ("", line[0])]

    def worker_pids(self) -> list[int]:
        """All that the plugin worker's process session consists of."""
        who = self.pipe.watched()
        return [
            pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if who and _session(pid) == who[0].pid
        ]


def _session(pid: int) -> int:
    """Its process session; 0 for one that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in "ZX" else int(fields[3])


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Made once a module: half a second."""
    return Installation(tmp_path_factory.mktemp("environment"))


@pytest.fixture
def scene(installation: Installation, make_rig: Callable[..., GuardRig]) -> PluginScene:
    """With nothing installed yet."""
    installation.clear()
    return PluginScene(installation, make_rig)
