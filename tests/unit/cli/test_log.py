"""`memguard log`: what is there, what is asked for of it, and what comes, over rotations."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from memguard.logs.follower import LogFollower
from tests.sandbox import Sandbox, wait_until


def line(text: str, level: str = "INFO", age_s: float = 0) -> str:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - age_s))
    return f"{stamp} {level} {text}\n"


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    sandbox.state.mkdir(parents=True, mode=0o700)
    (sandbox.state / "memguard.log.1").write_text(line("an hour ago", "ERROR", 3600))
    (sandbox.state / "memguard.log").write_text(
        line("a reading", "DEBUG", 300)
        + line("a restart", age_s=200)
        + line("over it", "WARNING")
        + line("died", "CRITICAL")
    )
    return sandbox


def texts(box: Sandbox, *words: str) -> list[str]:
    done = box.memguard("log", "--json", *words)
    return [json.loads(each)["text"] for each in done.stdout.splitlines()]


def test_it_prints_what_is_there_the_oldest_first_with_level_and_local_time(box: Sandbox) -> None:
    found = box.memguard("log").stdout.splitlines()
    assert [each.split()[2] for each in found] == ["ERROR", "DEBUG", "INFO", "WARNING", "CRITICAL"]
    assert found[-1].startswith(time.strftime("%Y-%m-%d %H:"))
    assert found[-1].endswith("CRITICAL died")


def test_level_since_and_lines_choose(box: Sandbox) -> None:
    assert texts(box, "--level", "warning") == ["an hour ago", "over it", "died"]
    assert texts(box, "--since", "4m") == ["a restart", "over it", "died"]
    assert texts(box, "-n", "2") == ["over it", "died"]
    assert texts(box, "-n", "0") == []
    assert texts(box, "--since", "10m", "--level", "error") == ["died"]


@pytest.mark.parametrize(
    ("words", "what"),
    [(["--level", "loud"], "is not a level"), (["--since", "soon"], "is not a duration"), (["-n", "-3"], ""),
     (["-n", "²"], "is not a number of lines")],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(box: Sandbox, words: list[str], what: str) -> None:
    assert what in box.memguard("log", *words, code=2).stderr


def test_without_a_log_there_is_nothing_to_print(sandbox: Sandbox) -> None:
    assert sandbox.memguard("log").stdout == ""


@pytest.fixture
def following(box: Sandbox, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    printed = tmp_path / "printed"
    with printed.open("wb") as file:
        command = box.command("log", "-f", "-n", "1")
        process = subprocess.Popen(command, stdout=file, stderr=file, env=box.environment, cwd=box.project)
    yield process, printed
    process.kill()
    process.wait()


def test_it_follows_what_is_written_over_a_rotation_and_ends_with_ctrl_c(
    box: Sandbox, following: tuple[subprocess.Popen[bytes], Path]
) -> None:
    process, printed = following
    path = box.state / "memguard.log"
    wait_until(lambda: "died" in printed.read_text(), "what is there")
    with path.open("a") as file:
        file.write(line("before"))
    wait_until(lambda: "before" in printed.read_text(), "a line")
    with path.open("a") as file:
        file.write(line("at the very end of it"))
        os.replace(path, f"{path}.1")
    path.write_text(line("of the new file")[:-4])
    wait_until(lambda: "very end" in printed.read_text(), "the rest of the old file")
    with path.open("a") as file:
        file.write("ile\n" + line("after"))
    wait_until(lambda: "after" in printed.read_text(), "a line of the new file")
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    found = [each.split(None, 3)[3] for each in printed.read_text().splitlines()]
    assert found == ["died", "before", "at the very end of it", "of the new file", "after"]


def test_a_follower_waits_for_a_file_and_reads_one_that_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "memguard.log"
    with LogFollower(str(path)) as follower:
        assert follower.lines() == follower.earlier() == []
        path.write_text("one\ntwo\nth")
        assert follower.lines() == ["one", "two"]
        path.write_text("new\n")
        assert follower.lines() == ["new"]
        path.unlink()
        assert follower.lines() == []


def test_neither_a_link_nor_a_fifo_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x\n")
    (tmp_path / "memguard.log").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "memguard.log.1")
    with LogFollower(str(tmp_path / "memguard.log")) as follower:
        assert follower.earlier() == follower.lines() == []
