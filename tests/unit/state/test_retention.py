"""How long the spools of sessions are kept."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from memguard.state.retention import prune_spools

if TYPE_CHECKING:
    from pathlib import Path

    from tests.transcripts import Box

DAY_S = 86400


def _spool(project: Path, name: str, age_days: float) -> None:
    (project / "spool").mkdir(exist_ok=True, parents=True)
    (project / "spool" / name).write_text("{}\n")
    os.utime(project / "spool" / name, (time.time() - age_days * DAY_S,) * 2)


def test_spools_go_when_nothing_was_added_for_as_long_as_snapshots_are_kept(tmp_path: Path) -> None:
    for name, age_days in (("old.jsonl", 8), ("old.jsonl.1", 9), ("new.jsonl", 6)):
        _spool(tmp_path, name, age_days)
    assert sorted(prune_spools(str(tmp_path), 7)) == ["old.jsonl", "old.jsonl.1"]
    assert os.listdir(tmp_path / "spool") == ["new.jsonl"]
    assert prune_spools(str(tmp_path / "none"), 7) == []


def test_a_capture_prunes_them(box: Box) -> None:
    project = os.path.dirname(box.store.folder)
    os.makedirs(f"{project}/spool")
    with open(f"{project}/spool/old.jsonl", "w", encoding="utf-8") as file:
        file.write("{}")
    os.utime(f"{project}/spool/old.jsonl", (0, 0))
    box.capture()
    assert os.listdir(f"{project}/spool") == []
