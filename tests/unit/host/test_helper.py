"""Asking another program, which may hang, talk for ever, or leave something behind that holds the pipe."""

from __future__ import annotations

import os
import sys
import time

from memguard.host.helper import ask


def _python(code: str, timeout_s: float = 20.0) -> tuple[int, str]:
    answer = ask([sys.executable, "-I", "-S", "-c", code], {"A": "b"}, timeout_s)
    return answer.code, answer.text


def test_it_gives_exit_code_and_output() -> None:
    code = "import os, sys; print(os.environ['A'], flush=True); sys.stderr.write('bad\\n'); sys.exit(3)"
    assert _python(code) == (3, "b\nbad\n")


def test_one_that_hangs_is_ended_when_the_time_is_over() -> None:
    begun_s = time.monotonic()
    code, _ = _python("import time; time.sleep(60)", 0.3)
    assert code == -1
    assert time.monotonic() - begun_s < 20


def test_one_that_talks_for_ever_is_ended_and_not_kept_whole() -> None:
    code, text = _python("while True: print('x' * 4095)", 0.5)
    assert code == -1
    assert len(text) <= 65536


def test_one_that_leaves_a_child_with_the_pipe_is_not_waited_for() -> None:
    child = "if os.fork() == 0:\n    time.sleep(3)\n    os._exit(0)\n"
    program = f"import os, time\n{child}print('done', flush=True)\nos._exit(0)"
    begun_s = time.monotonic()
    assert _python(program) == (0, "done\n")
    assert time.monotonic() - begun_s < 2.5


def test_one_that_dies_by_a_signal_or_is_not_there_is_no_success() -> None:
    assert _python("import os; os.kill(os.getpid(), 9)")[0] == -9
    assert ask(["/nonexistent/x"], {}, 5).code == -1


def test_no_descriptor_is_left_open() -> None:
    before = os.listdir("/proc/self/fd")
    for _ in range(5):
        _python("pass")
        ask(["/nonexistent/x"], {}, 5)
    assert len(os.listdir("/proc/self/fd")) == len(before)
