"""The store: whole snapshots, found by the beginning of an id."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from memguard.core.errors import EnvelopeError, StateError
from memguard.state.about import ABOUT, MANIFEST, SEGMENTS
from memguard.state.snapshot import new_id
from tests.transcripts import SESSION, Box


def test_ids_sort_by_time_within_the_second_too() -> None:
    ids = [new_id(1795397716.0 + number / 100) for number in range(100)]
    assert ids == sorted(ids)
    assert re.fullmatch(r"20261123T\d{6}Z-[0-9a-f]{6}", ids[0])
    assert len({new_id(1795397716.5) for _ in range(50)}) > 40


def test_a_snapshot_is_found_by_the_beginning_of_its_id(box: Box) -> None:
    with pytest.raises(StateError, match="no snapshot yet"):
        box.store.find("latest")
    first, second = box.capture(), box.capture()
    assert box.store.ids() == [second, first]
    assert (box.store.find("latest"), box.store.find(second), box.store.find(first[:-1])) == (second, second, first)
    with pytest.raises(StateError, match="2 snapshots"):
        box.store.find("20")
    with pytest.raises(StateError, match="no snapshot begins"):
        box.store.find("../..")


@pytest.mark.parametrize("missing", [MANIFEST, SEGMENTS, ABOUT])
def test_latest_is_the_latest_whole_one(box: Box, missing: str) -> None:
    first, second = box.capture(), box.capture()
    (Path(box.store.folder) / second / missing).unlink()
    assert box.store.find("latest") == first


def test_a_snapshot_is_whole_only_with_its_segments(box: Box) -> None:
    box.transcript.prompt("hello")
    snapshot_id = box.capture()
    assert box.store.is_whole(snapshot_id)
    [name] = box.segments()
    box.cursor().with_name(f"{name}.sealed").unlink()
    assert not box.store.is_whole(snapshot_id)


def test_plain_facts_are_in_about(box: Box) -> None:
    box.transcript.fill(50_000)
    about = box.store.about(box.capture(reason="because"))
    size = box.transcript.path.stat().st_size
    assert (about["format"], about["reason"], about["session"]) == ("3", "because", SESSION)
    assert (about["transcript_bytes"], about["segments"], about["privacy"]) == (str(size), "1", "redacted")
    assert (about["main"], about["main_bytes"], about["main_replaced"]) == ("whole", str(size), "0")
    os.truncate(box.transcript.path, 100)
    about = box.store.about(box.take())
    assert (about["main"], about["main_bytes"], about["main_replaced"]) == ("whole", "100", "1")
    box.transcript.path.unlink()
    about = box.store.about(box.take(reason="because\nformat=1"))
    assert (about["main"], about["main_bytes"], about["main_replaced"]) == ("none", "0", "0")
    assert about["format"] == "3"


def test_a_file_of_another_snapshot_does_not_open_here(box: Box) -> None:
    box.transcript.prompt("hello")
    first, second = box.capture(), box.capture()
    (Path(box.store.folder) / first / MANIFEST).replace(Path(box.store.folder) / second / MANIFEST)
    with pytest.raises(EnvelopeError):
        box.read(second)
