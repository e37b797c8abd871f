"""Files of a store that were changed: each is found, each is named, and every snapshot that does not need it opens."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memguard.core.layout import project_key
from memguard.state.about import ABOUT, MANIFEST, SEGMENTS
from memguard.state.envelope import fingerprint
from memguard.state.keys import public_key
from memguard.state.verify import Verifier
from tests.fault_checks import quick_folder
from tests.one_key import OneKey
from tests.transcripts import Box, Transcript

SNAPSHOTS, ROUNDS, IN_A_ROUND = 50, 20, 10
BYTES_AT_ONCE = 4096


class Store50:
    """Fifty snapshots of a growing conversation with a sub-agent; which files each needs, and what it holds."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.box = Box(folder)
        self.box.key = project_key(str(self.box.cwd))
        self.box.state = folder / ".local" / "state" / "memguard"
        self._chance = chance
        agent = Transcript(self.box.transcript.path.with_suffix("") / "subagents" / "agent-a1.jsonl")
        self.told: dict[str, bytes] = {}
        for _ in range(SNAPSHOTS):
            self.box.transcript.fill(chance.randrange(1000, 60_000))
            if chance.random() < 0.2:
                agent.fill(5000)
            self.told[self.box.take(cwd="")] = self.box.transcript.path.read_bytes()
        self.needed = {snapshot_id: self._files(snapshot_id) for snapshot_id in self.told}
        self.paths = sorted(set().union(*self.needed.values()))
        self.good = {path: path.read_bytes() for path in self.paths}

    def _files(self, snapshot_id: str) -> set[Path]:
        store = self.box.store
        own = {Path(store.path(snapshot_id, name)) for name in (MANIFEST, ABOUT, SEGMENTS)}
        return own | {Path(store.segment_path(*need.place)) for need in store.needs(snapshot_id)}

    def spoil_some(self) -> set[Path]:
        """Some corruptions at once; the files that they changed. Each can be found beside the others."""
        spoilt: set[Path] = set()
        for _ in range(IN_A_ROUND):
            spoilt |= self._spoil_one(spoilt)
        return spoilt

    def _spoil_one(self, before: set[Path]) -> set[Path]:
        while True:
            chosen = set(self._chance.sample(self.paths, self._chance.choice([1, 1, 1, 1, 2])))
            is_swap = len(chosen) == 2 and len({self.good[path] for path in chosen}) == 2
            if not chosen & before and (len(chosen) == 1 or is_swap) and self._are_seen(before | chosen):
                break
        if is_swap:
            one, other = chosen
            one.write_bytes(self.good[other])
            other.write_bytes(self.good[one])
        else:
            self._damage(*chosen)
        return chosen

    def _are_seen(self, spoilt: set[Path]) -> bool:
        """A snapshot whose record is damaged says nothing of the others of its files."""
        read = [files for files in self.needed.values() if not any(path.name == MANIFEST for path in files & spoilt)]
        return all(path.name == MANIFEST or any(path in files for files in read) for path in spoilt)

    def _damage(self, path: Path) -> None:
        data, place = self.good[path], self._chance.randrange(len(self.good[path]))
        kind = self._chance.choice(["flip", "cut", "append", "delete"])
        if kind == "delete":
            path.unlink()
        elif kind == "flip":
            path.write_bytes(data[:place] + bytes([data[place] ^ 1 << self._chance.randrange(8)]) + data[place + 1 :])
        else:
            more = self._chance.randbytes(self._chance.choice([1, 100, 5000]))
            path.write_bytes(data[:place] if kind == "cut" else data + more)

    def mend(self, spoilt: set[Path]) -> None:
        """As it was."""
        for path in spoilt:
            path.write_bytes(self.good[path])

    def check(self, spoilt: set[Path]) -> None:
        """Each is named, and who does not need one of them is good."""
        verifier = Verifier(self.box.store, self.box.keys)
        named: set[Path] = set()
        for snapshot_id, files in self.needed.items():
            found = {Path(fault.path) for fault in verifier.verify(snapshot_id)}
            assert bool(found) == bool(files & spoilt), snapshot_id
            assert found <= files & spoilt, snapshot_id
            named |= found
        assert named == spoilt

    def check_told(self, spoilt: set[Path]) -> None:
        """What can be read is what was there."""
        good = [snapshot_id for snapshot_id, files in self.needed.items() if not files & spoilt]
        for snapshot_id in self._chance.sample(good, min(3, len(good))):
            assert self.box.told(snapshot_id) == self.told[snapshot_id]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder


def test_two_hundred_random_corruptions_of_fifty_snapshots(folder: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201  shown where the test fails
    store = Store50(folder, random.Random(seed))
    store.check(set())
    for number in range(ROUNDS):
        spoilt = store.spoil_some()
        store.check(spoilt)
        store.check_told(spoilt)
        if number == 0:
            check_command(store, spoilt)
        store.mend(spoilt)
    count = ROUNDS * IN_A_ROUND
    print(f"{count} corruptions of a store of {SNAPSHOTS} snapshots: each found, each named, all others readable")  # noqa: T201


def check_command(store: Store50, spoilt: set[Path]) -> None:
    """What the person reads says the same."""
    command = [sys.executable, "-m", "memguard.cli", "snapshots", "verify", "--json"]
    environment = {"HOME": str(store.box.folder), "PATH": os.environ["PATH"]}
    done = subprocess.run(command, cwd=store.box.cwd, env=environment, capture_output=True, check=False, timeout=60)
    assert done.returncode == 1, done.stderr
    entries = {entry["id"]: entry for entry in json.loads(done.stdout)}
    assert entries.keys() == store.needed.keys()
    assert {Path(fault["path"]) for entry in entries.values() for fault in entry["faults"]} == spoilt
    for snapshot_id, files in store.needed.items():
        assert entries[snapshot_id]["is_good"] == (not files & spoilt)


def one_snapshot(folder: Path, size_bytes: int) -> tuple[Box, str, list[Path], OneKey]:
    """A box, its snapshot, the files that it needs, and the key."""
    folder.mkdir()
    box = Box(folder)
    box.transcript.prompt("hello")
    box.transcript.fill(size_bytes)
    snapshot_id = box.take(cwd="")
    paths = [*(Path(box.store.folder) / snapshot_id).iterdir(), *box.cursor().parent.glob("*.sealed")]
    return box, snapshot_id, paths, OneKey(box.keys.key_for(fingerprint(public_key(str(box.state)))))


def test_every_byte_flipped_and_every_cut_of_a_small_snapshot(folder: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201  shown where the test fails
    chance = random.Random(seed)
    box, snapshot_id, paths, key = one_snapshot(folder / "small", 0)
    count = 0
    for path in paths:
        data = path.read_bytes()
        for place in range(len(data)):
            flipped = data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]
            for spoilt in (flipped, data[:place]):
                path.write_bytes(spoilt)
                faults = Verifier(box.store, key).verify(snapshot_id)
                assert str(path) in [fault.path for fault in faults], (path.name, place, len(spoilt))
                count += 1
        path.write_bytes(data)
    assert Verifier(box.store, key).verify(snapshot_id) == []
    print(f"{count} flips and cuts of a small snapshot, each found")  # noqa: T201


def test_random_bytes_flipped_and_random_cuts_of_a_large_snapshot(folder: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201  shown where the test fails
    chance = random.Random(seed)
    box, snapshot_id, paths, key = one_snapshot(folder / "large", 9_000_000)
    assert len(box.segments()) == 3
    for _ in range(30):
        path = chance.choice(paths)
        data = bytearray(path.read_bytes())
        place = chance.randrange(len(data))
        if chance.random() < 0.5:
            data[place : place + chance.randrange(1, BYTES_AT_ONCE)] = chance.randbytes(chance.randrange(BYTES_AT_ONCE))
        else:
            del data[place:]
        good = path.read_bytes()
        path.write_bytes(data)
        found = [fault.path for fault in Verifier(box.store, key).verify(snapshot_id)]
        assert found == ([str(path)] if data != good else [])
        path.write_bytes(good)
    shutil.rmtree(box.folder)
