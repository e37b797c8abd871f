"""What a Stop costs that starts a capture, and one that finds another about to read, beside a Python that does nothing.

    python benchmarks/bench_stop_hook.py [--rounds 100] [--processes 10]

The client is this script, with so many processes in its tree and a guard with a live reader. What the hook starts is
`true` in place of the worker: the worker's own time is nobody's to wait for, and would disturb the rounds after it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common import ROOT, Command, Sandbox, in_turn, opted_in_project, parser, print_ratio, print_samples

from memguard.core.layout import CAPTURE_WANTED, COMPILED, read_pairs, write_pairs
from memguard.host import identity
from tests.own_guard import own_guard

SESSIONS = ("9d3f5b52-6c1f-4b7e-8a8e-1f0f5a3c2b10", "0d3f5b52-6c1f-4b7e-8a8e-1f0f5a3c2b11")
BARE, STARTS, FINDS = "bare (python -I -S -c pass)", "Stop that starts a worker", "Stop that finds one"


def main() -> int:
    """Measure, check that each did what its name says, print."""
    arguments = parser(__doc__, 100)
    arguments.add_argument("--processes", type=int, default=10, help="processes in the client's tree (default: 10)")
    options = arguments.parse_args()
    with opted_in_project() as sandbox, own_guard(sandbox) as guard, _children(options.processes - 1):
        stops = Stops(sandbox, guard)
        samples = in_turn(stops.commands(), options.rounds)
        stops.check()
    print_samples(list(samples.values()))
    print_ratio(f"{STARTS} / bare", samples[STARTS], samples[BARE])
    print_ratio(f"{FINDS} / bare", samples[FINDS], samples[BARE])
    return 0


@contextmanager
def _children(count: int) -> Iterator[None]:
    children = [subprocess.Popen(["sleep", "3600"]) for _ in range(count)]
    try:
        yield
    finally:
        for child in children:
            child.kill()
            child.wait()


class Stops:
    """Two sessions of one guard: nobody is about to read the first, and somebody is about to read the second."""

    def __init__(self, sandbox: Sandbox, guard: Path) -> None:
        self.sandbox = sandbox
        self.guard = guard
        compiled = str(sandbox.state_folder / COMPILED)
        write_pairs(compiled, {**read_pairs(compiled), "python": "/bin/true"})
        own = identity.identify(os.getpid())
        # A mark holds for a minute, and this one for as long as it takes.
        lines = f"begun={time.time() - 1:014.3f}\nturn={0:020d}\nworker={own.to_text() if own else ''}\n"
        self.mark = self._mark(SESSIONS[1])
        self.mark.write_text(lines)

    def _mark(self, session: str) -> Path:
        return self.guard / f"{CAPTURE_WANTED}-{session}"

    def commands(self) -> dict[str, Command]:
        """What is run in turn."""
        bare = [sys.executable, "-I", "-S"]
        environment = self.sandbox.environment | {"CLAUDE_PROJECT_DIR": str(self.sandbox.project)}
        hook = [*bare, str(ROOT / "claude_hooks" / "stop.py"), str(self.sandbox.state)]
        starts, finds = (json.dumps(self._event(session), separators=(",", ":")).encode() for session in SESSIONS)
        return {
            BARE: Command([*bare, "-c", "pass"], environment, starts),
            STARTS: Command(hook, environment, starts),
            FINDS: Command(hook, environment, finds),
        }

    def _event(self, session: str) -> dict[str, object]:
        path = f"{self.sandbox.home}/.claude/projects/-x/{session}.jsonl"
        return {"session_id": session, "transcript_path": path, "cwd": str(self.sandbox.project)}

    def check(self) -> None:
        """RuntimeError unless each round of the first started a worker, and no round of the second."""
        if self.sandbox.log():
            raise RuntimeError(f"the hooks have something to say: {self.sandbox.log()[-1]}")
        starter = read_pairs(str(self._mark(SESSIONS[0]))).get("worker", "")
        if not starter or read_pairs(str(self.mark)).get("worker", "").split(":")[0] != str(os.getpid()):
            raise RuntimeError("the marks are not what they were, or were never made")


if __name__ == "__main__":
    sys.exit(main())
