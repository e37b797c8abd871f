"""What a restart takes: from the verified snapshot to the client ready again, beside the same without memguard.

    python benchmarks/bench_restart.py [--rounds 7] [--detail]

Both sides run the real client in a terminal of its own, with the same short conversation, against the API stand-in of
the tests; a long conversation would take the client itself longer and flatter the ratio. In each round the bare one
gets a SIGTERM, and a shell's loop starts `claude --resume` at once: the client's own end and start, and nothing else.
The guarded one gets `memguard restart`, and its time begins when the snapshot has been opened again. "Ready" is the
same for both: the client's registry says `idle`, and its screen shows the conversation and the prompt box.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from common import Samples, parser, print_ratio, print_samples

from tests.e2e.api_stand_in import ApiStandIn, Script, text
from tests.e2e.guarded import Guarded
from tests.e2e.harness import PROMPT_MARK, Client, Home, new_session_id
from tests.e2e.processes import is_alive, wait_until
from tests.e2e.terminal import Terminal

T = TypeVar("T")
LIMIT = 1.3
LOOK_S = 0.004
# A client goes on working for seconds after it is ready; the next restart must not compete with that.
SETTLE_S = 6.0
ANSWER = "hello yourself"  # what a resumed client shows again
CONFIG = "[restart_policy]\nmax_attempts = 100\ninitial_cooldown = 0\nmax_cooldown = 0\ntyping_quiet = 1\n"


def main() -> int:
    """Alternate the two sides, print the ratio."""
    arguments = parser(__doc__, 7)
    arguments.add_argument("--detail", action="store_true", help="print when what happened in each guarded restart")
    options = arguments.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="memguard-bench-") as folder,
        ApiStandIn(Script({"hello": [[text(ANSWER)]]})) as api,
        _bare_side(Path(folder) / "bare", api.url) as bare,
        _guarded_side(Path(folder) / "guarded", api.url) as guarded,
    ):
        for number in range(options.rounds):
            for side in (bare, guarded) if number % 2 else (guarded, bare):
                time.sleep(SETTLE_S)
                side.restart()
    _report(bare, guarded, is_detailed=options.detail)
    return 0


def _client(folder: Path, url: str) -> Client:
    project = folder / "project"
    project.mkdir(parents=True)
    home = Home(folder / "home")
    home.seed(project)
    return Client(home, project, url)


@contextmanager
def _bare_side(folder: Path, url: str) -> Iterator[Bare]:
    client = _client(folder, url)
    try:
        with Terminal(_shell_loop(client), client.environment, client.project) as terminal:
            yield Bare(client, terminal)
    finally:
        client.home.end_processes()


def _shell_loop(client: Client) -> list[str]:
    """A shell that starts the client, and resumes its conversation each time that it ends."""
    session = new_session_id()
    first, again = client.argv("--session-id", session), client.argv("--resume", session)
    return ["/bin/sh", "-c", f"{shlex.join(first)}; while :; do {shlex.join(again)}; done"]


@contextmanager
def _guarded_side(folder: Path, url: str) -> Iterator[Watched]:
    client = _client(folder, url)
    guarded = Guarded(client, folder / "runtime")
    (guarded.home.path / ".config" / "memguard" / "config.toml").write_text(CONFIG)
    guarded.memguard("init")
    try:
        with guarded.open() as terminal:
            yield Watched(guarded, terminal)
    finally:
        client.home.end_processes()


class Side:
    """One client in a terminal, restarted again and again."""

    def __init__(self, home: Home, terminal: Terminal) -> None:
        self.home = home
        self.terminal = terminal
        self.took = Samples("")
        self.pid = self.ready(0)[0]
        terminal.send("hello")
        terminal.wait_for(ANSWER)
        wait_until(lambda: home.status(self.pid) == "idle", "the turn is over")

    def client_pid(self) -> int:
        """The client that runs at present; 0 for none."""
        raise NotImplementedError

    def ready(self, before: int) -> tuple[int, float]:
        """Wait for a client other than `before` to take input; its pid, and when."""

        def is_ready() -> tuple[int, float] | None:
            pid = self.client_pid()
            if pid in (0, before) or self.home.status(pid) != "idle":
                return None
            screen = self.terminal.screen()
            return (pid, time.time()) if PROMPT_MARK in screen and (not before or ANSWER in screen) else None

        return _poll(is_ready, "a client that is ready")

    def restart(self) -> None:
        """End the client, and note how long it takes until the next one is ready."""
        raise NotImplementedError

    def note(self, milliseconds: float) -> None:
        """Add one restart."""
        self.took.values.append(milliseconds)


class Bare(Side):
    """A client without memguard."""

    def __init__(self, client: Client, terminal: Terminal) -> None:
        self.exits = Samples("  its exit on SIGTERM")
        self.shell = terminal.pid
        super().__init__(client.home, terminal)
        self.took.name = "bare: SIGTERM to ready"

    def client_pid(self) -> int:
        """The one child of the shell."""
        words = Path(f"/proc/{self.shell}/task/{self.shell}/children").read_text().split()
        return int(words[0]) if words else 0

    def restart(self) -> None:
        """End the client, and wait for the one that the shell starts."""
        before, begun_s = self.pid, time.time()
        os.kill(before, signal.SIGTERM)
        _poll(lambda: not is_alive(before), "the end of the client")
        self.exits.values.append((time.time() - begun_s) * 1000)
        self.pid, ready_s = self.ready(before)
        self.note((ready_s - begun_s) * 1000)


class Watched(Side):
    """A client under `memguard run`."""

    def __init__(self, guarded: Guarded, terminal: Terminal) -> None:
        self.guarded = guarded
        self.snapshots = Samples("  (the snapshot before that)")
        self.details: list[dict[str, float]] = []
        super().__init__(guarded.home, terminal)
        self.took.name = "memguard: snapshot to ready"

    def client_pid(self) -> int:
        """The client of the guard."""
        return self.guarded.client_pid()

    def restart(self) -> None:
        """`memguard restart`, and wait for the client that follows."""
        moments: dict[str, float] = {}
        self.guarded.memguard("restart")
        before, self.pid = self.pid, self._next_client(moments)
        _, moments["ready"] = self.ready(before)
        if self._is_unclaimed():  # on a busy machine the client draws its prompt first; then it isn't ready before
            _poll(lambda: not self._is_unclaimed(), "claim of the handoff")
            moments["ready"] = time.time()
        moments["SessionStart"] = self._session_start_s(self.pid)
        captured, signalled = self.guarded.events("state_captured")[-1], self.guarded.events("restart_initiated")[-1]
        moments["signalled"] = signalled["t_utc"]
        self.snapshots.values.append(captured["seconds"] * 1000)
        self.note((moments["ready"] - captured["t_utc"]) * 1000)
        self.details.append({name: (moment - captured["t_utc"]) * 1000 for name, moment in moments.items()})

    def _is_unclaimed(self) -> bool:
        return any(self.guarded.runtime.glob("guards/*/handoff/*"))

    def _next_client(self, moments: dict[str, float]) -> int:
        """Note when the client ends, when the next one runs, and when that is idle; its pid."""
        before = self.pid
        wait_until(lambda: not is_alive(before), "end of the client", 90, lambda: str(self.guarded.events()))
        moments["ended"] = time.time()
        after = _poll(lambda: pid if (pid := self.client_pid()) != before else 0, "another client")
        moments["started"] = time.time()
        _poll(lambda: self.home.status(after) == "idle", "a client that says it is idle")
        moments["idle"] = time.time()
        return after

    def _session_start_s(self, pid: int) -> float:
        """When this client's SessionStart hook left its line."""
        lines: list[dict[str, Any]] = [
            json.loads(line) for path in self.guarded.state.glob("*/spool/*") for line in path.read_text().splitlines()
        ]
        found = [line["t_utc"] for line in lines if (line["event"], line["client_pid"]) == ("SessionStart", pid)]
        return float(found[-1]) if found else 0.0


def _poll(condition: Callable[[], T | None], what: str, timeout_s: float = 60) -> T:
    """`wait_until` of the tests, in steps of a few milliseconds."""
    deadline_s = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"no {what} within {timeout_s} s")
        time.sleep(LOOK_S)
    return value


def _report(bare: Bare, guarded: Watched, *, is_detailed: bool) -> None:
    print_samples([bare.took, bare.exits, guarded.took, guarded.snapshots])
    print_ratio("restart / the client's own exit and resume", guarded.took, bare.took, LIMIT)
    for detail in guarded.details if is_detailed else []:
        print("  ms after the snapshot:", ", ".join(_in_order(detail)))


def _in_order(moments: dict[str, float]) -> list[str]:
    return [f"{name} {moment:.0f}" for name, moment in sorted(moments.items(), key=lambda item: item[1])]


if __name__ == "__main__":
    sys.exit(main())
