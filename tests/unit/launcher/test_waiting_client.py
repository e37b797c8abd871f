"""A client's process before it is the client: same pid, its streams, its signals, its errors."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from memguard.host.identity import identify
from memguard.launcher.waiting_client import WaitingClient


def _read(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def test_it_keeps_its_pid_and_start_over_exec_and_takes_the_pipes(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    code = "import os, sys; print(os.getpid(), sys.stdin.read(), flush=True); os.read(int(sys.argv[1]), 1)"
    held, release = os.pipe()
    os.set_inheritable(held, True)  # noqa: FBT003
    given = os.open(_file(tmp_path, "what it reads"), os.O_RDONLY)
    child = WaitingClient([sys.executable, "-c", code, str(held)], dict(os.environ), (given, writer))
    before = identify(child.pid)
    for descriptor in (writer, given, held):
        os.close(descriptor)
    assert child.let_go() is None
    said = ""
    while not said.endswith("reads\n") and (more := os.read(reader, 100)):  # a pipe gives what is there
        said += more.decode()
    assert said.split(maxsplit=1) == [str(child.pid), "what it reads\n"]
    assert identify(child.pid) == before
    os.close(release)
    assert os.waitpid(child.pid, 0)[1] == 0
    os.close(reader)


def _file(folder: Path, text: str) -> str:
    path = folder / "stdin"
    path.write_text(text)
    return str(path)


def test_signals_are_as_a_shell_leaves_them_though_ours_have_handlers() -> None:
    handlers = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    reader, writer = os.pipe()
    try:
        words = ["/bin/sh", "-c", "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status"]
        child = WaitingClient(words, {"PATH": os.environ["PATH"]}, (-1, writer))
        os.close(writer)
        child.let_go()
        os.waitpid(child.pid, 0)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    masks = {line.split(":")[0]: int(line.split()[1], 16) for line in _read(reader).decode().splitlines()}
    ours = sum(1 << (number - 1) for number in (2, 3, 15, 1, 17, 13))
    assert masks["SigBlk"] == 0
    assert masks["SigIgn"] & ours == 0


def test_a_signal_ends_it_while_it_waits() -> None:
    child = WaitingClient(["/bin/sleep", "600"], {}, (-1, -1))
    os.kill(child.pid, signal.SIGTERM)
    assert os.WTERMSIG(os.waitpid(child.pid, 0)[1]) == signal.SIGTERM
    assert child.let_go() is None


@pytest.mark.parametrize(
    ("name", "mode", "content", "kind"),
    [
        ("missing", None, b"", FileNotFoundError),
        ("closed", 0o600, b"#!/bin/sh\n", PermissionError),
        ("foreign", 0o700, b"\x7fELF of another machine", OSError),
        ("orphaned", 0o700, b"#!/nowhere/at-all\n", FileNotFoundError),
    ],
)
def test_what_can_not_be_executed_is_told_as_it_is(
    tmp_path: Path, name: str, mode: int | None, content: bytes, kind: type[OSError]
) -> None:
    path = tmp_path / name
    if mode is not None:
        path.write_bytes(content)
        path.chmod(mode)
    child = WaitingClient([str(path)], {}, (-1, -1))
    error = child.let_go()
    os.waitpid(child.pid, 0)
    assert type(error) is kind
    assert error.strerror


def test_no_descriptor_of_ours_is_left_open_on_either_side() -> None:
    """Whatever else is inheritable here, it is the same as for a child that is merely spawned."""
    before = sorted(os.listdir("/proc/self/fd"))
    words, environment = ["/bin/ls", "/proc/self/fd"], {"PATH": os.environ["PATH"]}
    found = []
    for starts in (
        lambda writer: WaitingClient(words, environment, (-1, writer)),
        lambda writer: os.posix_spawn(words[0], words, environment, file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1)]),
    ):
        reader, writer = os.pipe()
        child = starts(writer)
        os.close(writer)
        pid = child if isinstance(child, int) else child.pid
        if isinstance(child, WaitingClient):
            child.let_go()
        os.waitpid(pid, 0)
        found.append(_read(reader))
    assert found[0] == found[1]
    assert sorted(os.listdir("/proc/self/fd")) == before
