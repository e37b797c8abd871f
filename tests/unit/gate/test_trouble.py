"""A warning says who holds the memory, and stands beside what else there is to tell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from memguard.core.layout import COMPILED, read_pairs, write_pairs
from memguard.host.linux import footprint_bytes
from tests.sandbox import Sandbox, wait_until

from .conftest import Hook
from .test_notes import leave

MB = 1024**2
# Under a name of its own, it holds more than this test process, which is the client here and may have grown.
HOLDER = (
    "import sys; held = bytearray(int(sys.argv[1])); held[:] = b'x' * len(held); print('ready', flush=True); input()"
)


@pytest.fixture
def limits(guard: Path) -> Path:
    """A warning from 1 MB on: the guard's client is this test process."""
    pairs = read_pairs(str(guard / COMPILED))
    write_pairs(str(guard / COMPILED), {**pairs, "warning_bytes": MB})
    return guard


def test_the_largest_process_is_named_where_it_is_not_the_client(
    opted_in: Sandbox, limits: Path, hook: Hook, tmp_path: Path
) -> None:
    assert limits.exists()
    program = tmp_path / 'x"; run'
    shutil.copy(sys.executable, program)
    environment = opted_in.environment | {"PYTHONHOME": sys.base_prefix}
    with subprocess.Popen(
        [str(program), "-I", "-S", "-c", HOLDER, str(footprint_bytes(os.getpid()) + 100 * MB)],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as holder:  # fmt: skip
        assert holder.stdout
        assert holder.stdout.readline() == b"ready\n"
        text = hook("PostToolUse")["hookSpecificOutput"]["additionalContext"]
        holder.communicate(b"\n")
    assert f'the process "x\\"; run" (pid {holder.pid}) holds' in text
    assert "the client itself holds" in text


def test_the_client_is_named_alone_where_it_holds_most(limits: Path, hook: Hook) -> None:
    assert limits.exists()
    text = hook("PostToolUse")["hookSpecificOutput"]["additionalContext"]
    assert "the client itself holds" in text
    assert "the process" not in text


def test_a_warning_and_a_note_are_one_answer(limits: Path, hook: Hook) -> None:
    leave(limits, "part-1", tool="leaky-server")
    answer = hook("UserPromptSubmit")
    context = answer["hookSpecificOutput"]["additionalContext"]
    assert context.index("leaky-server") < context.index("warning limit")
    assert "leaky-server" in answer["systemMessage"]
    assert "warning limit" in answer["systemMessage"]
    assert "\n" not in answer["systemMessage"]
    wait_until(lambda: hook("UserPromptSubmit") == {}, "nothing more to tell")
