"""What a quiet hook costs: the whole process of `post_tool_use.py`, beside a Python that does nothing.

    python benchmarks/bench_quiet_hook.py [--rounds 200] [--processes 10] [--threads 1] [--python PATH]

The client is this script: it has children, a guard with a live reader, and an opted-in git repository. Each run of the
hook must leave one line in the spool, in the state NORMAL, and one byte in the FIFO, and must write nothing else.
`--python` measures what is installed for another interpreter, such as a wheel.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from common import Command, Samples, Sandbox, in_turn, opted_in_project, parser, print_ratio, print_samples

from memguard.core.layout import COMPILED, WAKE, client_record, guard_dir, private_dir, write_pairs
from memguard.host import identity

LIMIT = 1.35
GUARD_ID = "0123456789abcdef"
SESSION = "9d3f5b52-6c1f-4b7e-8a8e-1f0f5a3c2b10"
HEAVY = (
    "import psutil, filelock, platformdirs; from pydantic import BaseModel; "
    "from cryptography.hazmat.primitives.ciphers.aead import AESGCM"
)


def main() -> int:
    """Measure, check that it was the quiet path, print."""
    arguments = parser(__doc__, 200)
    arguments.add_argument("--processes", type=int, default=10, help="processes in the client's tree (default: 10)")
    arguments.add_argument("--threads", type=int, default=1, help="threads of the client itself (default: 1)")
    arguments.add_argument("--python", default=sys.executable, help="an interpreter that has memguard installed")
    options = arguments.parse_args()
    with opted_in_project() as sandbox, _client(options.processes, options.threads):
        hook = Hook(sandbox, options.python)
        samples = in_turn(hook.commands(), options.rounds)
        hook.check(options.processes)
    _report(samples, f"a client of {options.processes} processes, {options.threads} threads; {hook.script}")
    return 0


@contextmanager
def _client(processes: int, threads: int) -> Iterator[None]:
    """Make this process look like a client: so many processes in its tree, so many threads of its own."""
    over = threading.Event()
    for _ in range(threads - 1):
        threading.Thread(target=over.wait, daemon=True).start()
    children = [subprocess.Popen(["sleep", "3600"]) for _ in range(processes - 1)]
    try:
        yield
    finally:
        over.set()
        for child in children:
            child.kill()
            child.wait()


class Hook:
    """The hook, with all that makes its path the quiet one."""

    def __init__(self, sandbox: Sandbox, python: str) -> None:
        self.sandbox = sandbox
        self.python = python
        self.environment = sandbox.environment | {"CLAUDE_PROJECT_DIR": str(sandbox.project)}
        self.script = self._script()
        self.fifo = _register_guard(sandbox)
        self.log_before = sandbox.log()

    def _script(self) -> str:
        asked = "import claude_hooks, os; print(os.path.dirname(claude_hooks.__file__))"
        done = subprocess.run([self.python, "-I", "-c", asked], capture_output=True, text=True, check=True)
        return f"{done.stdout.strip()}/post_tool_use.py"

    def commands(self) -> dict[str, Command]:
        """What is run in turn."""
        bare, state = [self.python, "-I", "-S"], str(self.sandbox.state)
        stdin = json.dumps(_event(str(self.sandbox.project)), separators=(",", ":")).encode()
        return {
            "bare (python -I -S -c pass)": Command([*bare, "-c", "pass"], self.environment, stdin),
            "quiet hook": Command([*bare, self.script, state], self.environment, stdin),
            "hook with the usual imports": Command([self.python, "-I", "-c", HEAVY], self.environment, stdin),
        }

    def check(self, processes: int) -> None:
        """RuntimeError unless every run took the quiet path: a line, a byte, NORMAL, and nothing in the log."""
        lines = self.sandbox.spool()
        woken = len(os.read(self.fifo, 65536))
        quiet = [line for line in lines if (line["state"], line["processes"]) == ("NORMAL", processes)]
        if not lines or not len(lines) == len(quiet) == woken or self.sandbox.log() != self.log_before:
            raise RuntimeError(
                f"not the quiet path: {len(lines)} lines, {len(quiet)} quiet, {woken} bytes; {lines[-1:]}"
            )


def _register_guard(sandbox: Sandbox) -> int:
    """A guard of this process, as `memguard run` lays it out; the FIFO's reading end, which makes it watched."""
    runtime = str(sandbox.runtime / "memguard")
    guard = private_dir(guard_dir(runtime, GUARD_ID))
    private_dir(f"{runtime}/clients")
    own = identity.identify(os.getpid())
    write_pairs(client_record(runtime, os.getpid()), {"id": own.to_text() if own else "", "guard": GUARD_ID})
    with open(f"{guard}/{COMPILED}", "wb") as file:
        file.write((sandbox.state_folder / COMPILED).read_bytes())
    os.mkfifo(f"{guard}/{WAKE}", 0o600)
    return os.open(f"{guard}/{WAKE}", os.O_RDWR | os.O_NONBLOCK)


def _event(project: str) -> dict[str, object]:
    """What the client writes after a tool call, in its order, with a few KB of output."""
    return {
        "session_id": SESSION,
        "transcript_path": f"{project}/{SESSION}.jsonl",
        "cwd": project,
        "permission_mode": "default",
        "hook_event_name": "PostToolUse",
        "tool_name": "Bash",
        "tool_input": {"command": "pytest -q tests/unit", "description": "Run the unit tests"},
        "tool_response": {"stdout": "tests/unit ........ [ 50%]\n" * 100, "stderr": "", "interrupted": False},
        "tool_use_id": "toolu_01A09q90qw90lq917835lq9",
        "duration_ms": 1234,
    }


def _report(samples: dict[str, Samples], what: str) -> None:
    bare, hook, heavy = samples.values()
    print(what)
    print_samples([bare, hook, heavy])
    print_ratio("quiet hook / bare", hook, bare, LIMIT)
    print_ratio("hook with the usual imports / bare", heavy, bare)


if __name__ == "__main__":
    sys.exit(main())
