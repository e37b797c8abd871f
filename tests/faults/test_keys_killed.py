"""Killed, or refused by the disk, at every step of what changes the keys: the old key or the new one, never none.

Each step is one call of the system that changes a file or a folder. The change runs in a child of the test, whose n-th
such call ends it by SIGKILL (before the call, or half way through a write) or fails; n goes up until it runs through.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock  # noqa: F401  here, not in the child: its files are no steps of ours
import pytest

from memguard.core.errors import StateError
from memguard.state.envelope import fingerprint
from memguard.state.keys import in_passphrase, private_keys, public_key
from memguard.state.keys.current import rotate
from memguard.state.keys.folder import KeyFolder
from memguard.state.keys.in_passphrase import Cost
from memguard.state.keys.key_file import PASSPHRASE, PRIVATE
from memguard.state.keys.private_keys import PrivateKeys
from memguard.state.keys.transfer import move, pairs
from tests.unit.state.test_keys import VersionBefore

WORDS = "three pears in a boat"
CALLS = ("open", "write", "fsync", "replace", "rename", "unlink", "mkdir", "chmod")
REFUSED, UNHEEDED, DONE = 10, 11, 12


def first_use(state: str) -> None:
    public_key(state)


def rotation(state: str) -> None:
    rotate(state, PRIVATE)


def move_away(state: str) -> None:
    folder = KeyFolder(state)
    move(folder, pairs(folder, folder.fingerprints(), PrivateKeys(folder, lambda _: WORDS)), PASSPHRASE, WORDS)


def move_back(state: str) -> None:
    folder = KeyFolder(state)
    move(folder, pairs(folder, folder.fingerprints(), PrivateKeys(folder, lambda _: WORDS)), PRIVATE)


def no_key(_: Path) -> dict[str, bytes]:
    return {}


def one_key(state: Path) -> dict[str, bytes]:
    public_key(str(state))
    return known(state)


def one_behind_a_passphrase(state: Path) -> dict[str, bytes]:
    rotate(str(state), PASSPHRASE, WORDS)
    return known(state)


def version_before(state: Path) -> dict[str, bytes]:
    old = VersionBefore(state)
    return {fingerprint(old.public): old.private}


# What is there before, by fingerprint, and the change.
CHANGES: dict[str, tuple[Callable[[Path], dict[str, bytes]], Callable[[str], None]]] = {
    "first use": (no_key, first_use),
    "taking over": (version_before, first_use),
    "rotation": (one_key, rotation),
    "move behind a passphrase": (one_key, move_away),
    "move into a file": (one_behind_a_passphrase, move_back),
}


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guesses that cost nothing, and no waiting for the disk: what a kill leaves is in its cache."""
    monkeypatch.setattr(in_passphrase, "COST", Cost(4, 8, 1))
    monkeypatch.setattr(os, "fsync", lambda _: None)


def arm(fault: str, number: int) -> Callable[[], bool]:
    """From now on this process's `number`-th call has the fault; whether it has come to that."""
    count = 0

    def wrap(name: str) -> None:
        real = getattr(os, name)

        def call(*values: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count != number:
                return real(*values, **named)
            if fault == "killed":
                if name == "write":
                    real(values[0], bytes(values[1])[: len(values[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(getattr(errno, fault), os.strerror(getattr(errno, fault)))

        setattr(os, name, call)

    for name in CALLS:
        wrap(name)
    return lambda: count >= number


def run(change: Callable[[str], None], state: Path, fault: str, number: int) -> int:
    """The exit code of a child that makes the change with a fault; negative where it was killed."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            has_come = arm(fault, number)
            change(str(state))
            code = UNHEEDED if has_come() else DONE
        except StateError:
            code = REFUSED
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def known(state: Path) -> dict[str, bytes]:
    """Every key that opens, by fingerprint."""
    folder = KeyFolder(str(state))
    names = [name for name in folder.fingerprints() if folder.places(name)]
    return {name: private_keys(str(state), lambda _: WORDS).key_for(name) for name in names}


def steps(change: str, fault: str, tmp_path: Path) -> Iterator[tuple[Path, dict[str, bytes], int]]:
    """A state folder after the fault at each step, what opened before it, and how the child ended."""
    prepare, act = CHANGES[change]
    for number in range(1, 200):
        state = tmp_path / f"{number}"
        state.mkdir(mode=0o700)
        before = prepare(state)
        code = run(act, state, fault, number)
        yield state, before, code
        if code == DONE:
            assert number > 10
            return
    pytest.fail("it never ran through")


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("fault", ["killed", "ENOSPC"])
def test_at_every_step_no_key_is_lost_and_the_same_change_then_runs_through(
    change: str, fault: str, tmp_path: Path
) -> None:
    ended = set()
    for state, before, code in steps(change, fault, tmp_path):
        ended.add(code)
        assert_openable(state, before)
        assert change not in ("taking over", "first use") or len(known(state)) == 1, state
        CHANGES[change][1](str(state))
        after = assert_openable(state, before)
        folder = KeyFolder(str(state))
        assert [len(folder.places(name)) for name in after] == [1] * len(after), state
        assert change == "first use" or not list((state / "keys").glob(".*")), state
    allowed = {-signal.SIGKILL} if fault == "killed" else {REFUSED, UNHEEDED}
    assert ended <= {DONE, *allowed}
    assert ended >= {DONE, min(allowed)}


def assert_openable(state: Path, before: dict[str, bytes]) -> dict[str, bytes]:
    """Captures can seal, what was sealed before opens, nobody else can read; every key that opens."""
    current, after = public_key(str(state)), known(state)
    assert before.items() <= after.items(), state
    assert fingerprint(current) in after, state
    assert all(path.stat().st_mode & 0o077 == 0 for path in (state / "keys").iterdir()), state
    return after


class Disk:
    """What a folder holds after a power cut: what was not synced is gone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: dict[str, bytes] = {}  # by path, what was synced of a file's content
        self.entries: dict[str, bytes] = self._content()

    def _content(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}

    def synced(self, descriptor: int) -> None:
        """Of a file: its content stays. Of the folder: its names stay, each with what was synced of its content."""
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if path != str(self.folder):
            self.written[os.path.basename(path)] = Path(path).read_bytes()
            return
        kept = self.entries | self.written
        self.entries = {name: kept.get(name, b"") for name in self._content()}

    def renamed(self, old: str, new: str) -> None:
        """The content goes with the name."""
        self.written[os.path.basename(new)] = self.written.pop(os.path.basename(old), b"")

    def lay_out(self, state: Path) -> Path:
        """The folder as the next start finds it."""
        keys = state / "keys"
        keys.mkdir(mode=0o700, parents=True)
        state.chmod(0o700)
        for name, content in self.entries.items():
            (keys / name).touch(0o600)
            (keys / name).write_bytes(content)
        return state


@pytest.mark.parametrize("change", [name for name in CHANGES if name != "first use"])
def test_after_a_power_cut_at_every_sync_no_key_is_lost(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    before = CHANGES[change][0](state)
    disk, cuts = Disk(state / "keys"), list[Path]()
    real_replace = os.replace

    def fsync(descriptor: int) -> None:
        disk.synced(descriptor)
        cuts.append(disk.lay_out(tmp_path / f"cut-{len(cuts)}"))

    def replace(old: str, new: str) -> None:
        real_replace(old, new)
        disk.renamed(old, new)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    CHANGES[change][1](str(state))
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(os, "replace", real_replace)
    assert len(cuts) >= 4
    for cut in cuts:
        assert_openable(cut, before)
