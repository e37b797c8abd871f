"""Captures on a disk whose power is cut after any step of theirs."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from memguard.core.errors import MemguardError
from memguard.core.layout import private_dir
from memguard.state.verify import newest_good
from tests.fault_checks import check_cleared, check_next, check_store, quick_folder
from tests.fault_files import handled
from tests.fault_scenes import MARKER, keep_one, take
from tests.power_cut import Choice, Disk, at_random, least, names_alone
from tests.transcripts import Box, Transcript


class Recording:
    """Four captures on an empty disk: the first, one that seals a short segment anew, and two that remove others."""

    def __init__(self, folder: Path) -> None:
        self.box = Box(folder)
        self.disk = Disk(self.box.state)
        self.taken: list[tuple[int, str]] = []  # after how many steps, which snapshot
        transcript = self.box.transcript
        with handled(str(folder), self.disk.record):
            private_dir(self.box.store.project_dir)  # as `memguard init` does, long before
        transcript.prompt(MARKER)
        self._capture()
        agent = Transcript(transcript.path.with_suffix("") / "subagents" / "agent-a1.jsonl")
        agent.prompt(MARKER)
        transcript.prompt(MARKER)
        self._capture()
        self.first_removal = len(self.disk.steps)
        keep_one(self.box)
        transcript.path.write_bytes(b"")
        transcript.prompt(MARKER + " again")
        self._capture()
        transcript.prompt(MARKER)
        self._capture()
        shutil.rmtree(self.box.state)

    def _capture(self) -> None:
        with handled(str(self.box.folder), self.disk.record):
            take(self.box)
        self.taken.append((len(self.disk.steps), self.box.store.ids()[0]))

    def check(self, steps: int, choose: Choice) -> None:
        """The power goes after so many steps; the store as it is found again."""
        disk = Disk(self.box.state)
        for step in self.disk.steps[:steps]:
            disk.play(step)
        shutil.rmtree(self.box.state, ignore_errors=True)
        disk.lay_out(self.box.state, choose)
        taken = [snapshot_id for after, snapshot_id in self.taken if after <= steps]
        if self.box.state.exists():
            check_store(self.box)
        if taken:
            newest, _ = newest_good(self.box.store, self.box.keys)
            assert newest["id"] >= taken[-1], "the newest snapshot is gone"
            assert steps > self.first_removal or set(self.box.store.ids()) >= set(taken), "an earlier snapshot is gone"
        check_next(self.box)
        # Segments may have lost the hidden folder that told of them: they go with the next snapshot that does.
        keep_one(self.box)
        check_next(self.box)
        check_cleared(self.box)

    def cut(self, steps: int, choose: Choice, said: str) -> None:
        """The same, and an AssertionError that says where it was."""
        try:
            self.check(steps, choose)
        except (AssertionError, MemguardError, OSError, ValueError) as error:
            last = self.disk.steps[steps - 1]
            raise AssertionError(f"{said} after step {steps}, {last.kind} of {last.path}: {error!r}") from error


def walk_all() -> str:
    """Every step with the two plainest outcomes, and as many random ones; what came of it in one line."""
    seed = random.randrange(2**32)
    with quick_folder() as folder:
        recording = Recording(folder)
        steps = range(1, len(recording.disk.steps) + 1)
        for after in steps:
            for choose in (least, names_alone, at_random(random.Random(f"{seed}/{after}"))):
                recording.cut(after, choose, f"seed {seed}:")
    return f"{len(steps) * 3} power cuts, all survived, seed {seed}"
