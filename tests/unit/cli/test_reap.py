"""`memguard reap` asks before it ends what it may not end by itself, and says what became of each."""

from __future__ import annotations

import argparse
import builtins
import io
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from memguard.cli import reap
from memguard.config import dirs
from memguard.core.identity import ProcessId
from memguard.core.session_clients import add_client
from memguard.host import current
from memguard.host.identity import identify, is_alive
from memguard.host.orphans import Orphan, OrphanTree
from memguard.host.session_life import SessionLife
from memguard.host.sparing import LIVING, TERMINAL, ByConsent, Rule
from memguard.host.sweep import SweepResult
from tests.tmux_server import TmuxServer

MB = 1024 * 1024


def _tree(pid: int, name: str = "node", asks: str = "") -> OrphanTree:
    processes = [Orphan(ProcessId(pid + n, 1, "b", "n"), name, 50 * MB) for n in range(2)]
    return OrphanTree(processes, "session aaaaaaaa is over", "aaaaaaaa-1", asks)


class Found:
    """What a scan has found, and who was ended of it: nobody is signalled."""

    trees: ClassVar[list[OrphanTree]] = []
    swept: ClassVar[list[tuple[set[int], bool]]] = []
    remaining: ClassVar[set[int]] = set()
    spared: ClassVar[set[int]] = set()

    def __init__(self, *_: Any) -> None:
        self.rule = None
        self.life = SessionLife("", {})
        self.own_pids: set[int] = {7}
        self.endable = [tree for tree in self.trees if not tree.asks]
        self.doubtful = [tree for tree in self.trees if tree.asks]

    @classmethod
    def end_all(cls, targets: list[ProcessId], _: float, **options: Any) -> SweepResult:
        assert options["exclude"] == {7}
        pids = {who.pid for who in targets}
        cls.swept.append((pids, isinstance(options["rule"], ByConsent)))
        result = SweepResult()
        result.remaining = [(pid, "x") for pid in pids & cls.remaining]
        result.spared = [(pid, "x", "bound to a terminal") for pid in pids & cls.spared]
        return result


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> type[Found]:
    monkeypatch.setattr(reap, "Orphans", Found)
    monkeypatch.setattr(reap, "end_all", Found.end_all)
    monkeypatch.setattr(reap, "_tidy_up", lambda *_: None)
    monkeypatch.setattr(dirs, "runtime_dir", str)
    monkeypatch.setattr(Found, "trees", [])
    monkeypatch.setattr(Found, "swept", [])
    monkeypatch.setattr(Found, "remaining", set())
    monkeypatch.setattr(Found, "spared", set())
    return Found


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _at_a_terminal(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    asked: list[str] = []
    given = iter(answers)

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return next(given)

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(builtins, "input", answer)
    return asked


def _run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    reap.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["reap", *words])
    code: int = arguments.run(arguments)
    return code


def test_nothing_left_is_said(found: type[Found], capsys: pytest.CaptureFixture[str]) -> None:
    assert _run() == 0
    assert capsys.readouterr().out == "no session that is over has left anything running\n"
    assert found.swept == []


def test_the_sure_are_ended_and_the_doubtful_asked_about(
    found: type[Found], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found.trees = [_tree(10), _tree(20, "tmux", "bound to a terminal"), _tree(30, "vim", "bound to a terminal")]
    asked = _at_a_terminal(monkeypatch, "y", "")
    assert _run() == 0
    assert found.swept == [({10, 11}, False), ({20, 21}, True)]
    assert [prompt.endswith("? [y/N] ") for prompt in asked] == [True, True]
    assert "100 MB in 2 processes, pid 20 tmux (session aaaaaaaa is over; bound to a terminal)" in asked[0]
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["ended", "ended", "left alone"]


@pytest.mark.parametrize(
    ("words", "ended"), [((), [{10, 11}]), (("--yes",), [{10, 11}, {20, 21}]), (("--dry-run",), [])]
)
def test_without_a_terminal_nobody_is_asked(
    found: type[Found], words: tuple[str, ...], ended: list[set[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    found.trees = [_tree(10), _tree(20, "tmux", "bound to a terminal")]
    assert _run(*words) == 0
    assert [pids for pids, _ in found.swept] == ended
    said = capsys.readouterr().out
    assert ("with --yes" in said) == (words == ())
    assert ("would be asked about:" in said) == (words == ("--dry-run",))


def test_a_worker_asks_nobody_even_at_a_terminal(
    found: type[Found], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    found.trees = [_tree(10), _tree(20, "tmux", "bound to a terminal")]
    assert _at_a_terminal(monkeypatch) == []
    assert _run("--unattended", str(tmp_path)) == 0
    assert found.swept == [({10, 11}, False)]
    assert "left by sessions that are over: ended: node (100 MB)" in (tmp_path / "memguard.log").read_text()


def test_what_can_not_be_ended_is_named_and_is_a_failure(
    found: type[Found], capsys: pytest.CaptureFixture[str]
) -> None:
    found.trees = [_tree(10), _tree(20)]
    found.remaining, found.spared = {11}, {20}
    assert _run() == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("could not be ended: ")
    assert lines[1].startswith("left alone: ")
    assert "bound to a terminal" in lines[1]


@pytest.mark.parametrize("words", [(), ("--yes",)])
def test_with_yes_nothing_more_can_be_done_about_what_is_left(
    found: type[Found], words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    found.trees = [_tree(10), _tree(20, "tmux", "part of another session")]
    found.spared = {20, 21}
    assert _run(*words) == 0
    said = capsys.readouterr().out
    assert "left alone: " in said
    assert ("with --yes" in said) == (words == ())


class Pane:
    """A tmux server that a session has left: one window with a client of another session, one with something else."""

    def __init__(self, folder: Path) -> None:
        self.runtime = str(folder / "runtime")
        os.mkdir(self.runtime, 0o700)
        environment = {"PATH": os.environ["PATH"], "TERM": "screen"}
        self.tmux = TmuxServer(folder / "tmux", folder, environment, "sleep", "61")
        self.tmux.ask("new-window", "-d", "sleep", "62")
        pids = [self.tmux.pid, *map(self.tmux.pane_pid, self.tmux.panes())]
        self.server, self.client, self.other = (who for pid in pids if (who := identify(pid)))

    def begin_session(self) -> None:
        """It is a client from now on."""
        add_client(self.runtime, "cccccccc-another", self.client)

    def orphans(self, *_: Any) -> Pane:
        """What a scan finds, of all that runs here only this."""
        self.life = SessionLife(self.runtime, current.scan())
        return self

    @property
    def trees(self) -> list[OrphanTree]:
        processes = [Orphan(who, "tmux", MB) for who in (self.server, self.client, self.other)]
        return [OrphanTree(processes, "session aaaaaaaa is over", "aaaaaaaa-1", TERMINAL)]

    rule, own_pids, endable = Rule(), frozenset[int](), ()
    doubtful = trees


@pytest.fixture
def pane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pane]:
    if not shutil.which("tmux"):
        pytest.skip("tmux is not installed here")
    pane = Pane(tmp_path)
    monkeypatch.setattr(reap, "Orphans", pane.orphans)
    monkeypatch.setattr(reap, "_tidy_up", lambda *_: None)
    monkeypatch.setattr(dirs, "runtime_dir", lambda: pane.runtime)
    yield pane
    pane.tmux.close()


def test_a_living_client_is_never_ended_nor_what_it_runs_in(pane: Pane, capsys: pytest.CaptureFixture[str]) -> None:
    """Real processes. What else runs in the same server was meant by the answer."""
    pane.begin_session()
    assert _run("--yes") == 0
    assert [is_alive(who) for who in (pane.server, pane.client, pane.other)] == [True, True, False]
    assert LIVING in capsys.readouterr().out


def test_nor_one_that_began_while_the_person_was_asked(pane: Pane, monkeypatch: pytest.MonkeyPatch) -> None:
    _at_a_terminal(monkeypatch)
    monkeypatch.setattr(builtins, "input", lambda _: pane.begin_session() or "y")  # type: ignore[func-returns-value]
    assert _run() == 0
    assert [is_alive(who) for who in (pane.server, pane.client, pane.other)] == [True, True, False]


def test_without_a_client_all_of_it_goes(pane: Pane) -> None:
    assert _run("--yes") == 0
    assert not any(is_alive(who) for who in (pane.server, pane.client, pane.other))
