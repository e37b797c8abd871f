"""How long snapshots are kept, how many, and how much; how long the spools of sessions."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from memguard.core.session_clients import add_client
from memguard.host import identity
from memguard.state.about import ABOUT, MANIFEST, SEGMENTS
from memguard.state.compiled import SnapshotSettings, snapshot_settings
from memguard.state.files import remove_tree
from memguard.state.garbage import collect
from memguard.state.retention import prune, prune_spools
from memguard.state.snapshot import new_id
from memguard.state.verify import verify
from tests.transcripts import SESSION, Box, Transcript

DAY_S = 86400
MB = 1048576


def aged(box: Box, snapshot_id: str, days: float) -> str:
    """A snapshot put back in time; its new id. It opens no more, which nobody asks here."""
    name = new_id(time.time() - days * DAY_S)
    (Path(box.store.folder) / snapshot_id).rename(Path(box.store.folder) / name)
    return name


def disk_bytes(box: Box) -> int:
    """What snapshots and conversations take."""
    folders = [Path(box.store.folder), Path(box.store.conversations)]
    return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())


def settings(**values: object) -> SnapshotSettings:
    return SnapshotSettings()._replace(**values)  # type: ignore[arg-type]


def test_what_is_older_goes_but_never_the_newest_good_one(box: Box) -> None:
    taken = [box.take() for _ in range(4)]
    older, old, damaged = (aged(box, name, days) for name, days in zip(taken, (10, 9, 8), strict=False))
    assert prune(box.store, settings(), "x") == [older, old, damaged]
    assert box.store.ids() == taken[3:]
    taken += [box.take() for _ in range(2)]
    older, old, damaged = (aged(box, name, days) for name, days in zip(taken[3:], (10, 9, 8), strict=True))
    os.unlink(box.store.path(damaged, MANIFEST))
    assert prune(box.store, settings(), "x") == [older, damaged]
    assert box.store.ids() == [old]


def test_a_capture_prunes_by_the_compiled_configuration(box: Box) -> None:
    first = aged(box, box.take(), 3)
    second = aged(box, box.take(), 1)
    box.compile(retention_days=2)
    third = box.take()
    assert box.store.ids() == [third, second]
    assert first not in box.store.ids()
    box.compile(retention_count=2)
    assert box.store.ids()[0] == third
    fourth = box.take()
    assert box.store.ids() == [fourth, third]
    box.compile(retention_bytes=1)
    assert box.store.ids() == [fourth, third]
    assert box.take() == box.store.ids()[0]
    assert len(box.store.ids()) == 1


@pytest.mark.parametrize(
    "content", ["", "retention_days=soon\n", "retention_days=-1\nretention_count=0\n", "retention_bytes=\nprivacy=\n"]
)
def test_the_defaults_where_nothing_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "compiled").write_text(content)
    found = snapshot_settings(str(tmp_path))
    assert (found.retention_days, found.retention_count, found.retention_bytes) == (7, 200, 2048 * MB)
    assert found.privacy == "redacted"


def test_a_segment_stays_as_long_as_one_snapshot_needs_it(box: Box) -> None:
    box.transcript.fill(300_000)
    first = box.take()
    shared = set(box.segments())
    box.transcript.fill(20_000)
    second = box.take()
    short = set(box.segments()) - shared
    box.transcript.fill(20_000)
    third = box.take()
    assert prune(box.store, settings(retention_count=1), SESSION) == [first, second]
    assert shared <= set(box.segments())
    assert short.isdisjoint(box.segments())
    assert verify(box.store, third, box.keys) == []
    assert box.main(box.take())["begun"] == ""


def test_the_size_counts_shared_segments_once(box: Box) -> None:
    for _ in range(6):
        box.transcript.raw(os.urandom(150_000).hex().encode() + b"\n")
        box.take()
    ids, total = box.store.ids(), disk_bytes(box)
    assert prune(box.store, settings(retention_bytes=total), SESSION) == []
    # Two thirds of the content lies in segments that the newest needs: only what is the oldest ones' alone can go.
    gone = prune(box.store, settings(retention_bytes=total - 5_000), SESSION)
    assert 0 < len(gone) < len(ids) - 1
    assert gone == ids[::-1][: len(gone)]
    assert disk_bytes(box) <= total - 5_000
    assert box.told() == box.transcript.path.read_bytes()


def test_a_live_session_keeps_its_last_good_snapshot(box: Box, tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    box.compile(runtime=runtime)
    box.transcript.fill(100_000)
    taken = [box.take(session=session) for session in ("dead", "live", "live", "live")]
    _, _, good, spoilt = (aged(box, name, days) for name, days in zip(taken, (40, 30, 20, 10), strict=True))
    os.unlink(box.store.path(spoilt, MANIFEST))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as client:
        who = identity.identify(client.pid)
        assert who
        add_client(str(runtime), "live", who)
        newest = box.take(session="other")
        assert box.store.ids() == [newest, good]
        assert sorted(os.listdir(box.store.conversations)) == ["live", "other"]
        client.communicate(b"\n")
    last = box.take(session="other")
    assert box.store.ids() == [last, newest]
    assert os.listdir(box.store.conversations) == ["other"]


def test_what_the_cursor_names_stays_though_its_snapshot_was_removed(box: Box) -> None:
    box.transcript.fill(300_000)
    box.take()
    box.transcript.fill(300_000)
    second = box.take()
    named = set(box.segments())
    remove_tree(os.path.join(box.store.folder, second))
    collect(box.store)
    assert set(box.segments()) == named
    assert box.main(box.take())["begun"] == ""


def test_a_session_without_snapshots_leaves_nothing(box: Box) -> None:
    box.transcript.fill(100_000)
    aged(box, box.take(session="over"), 30)
    box.take(session="other")
    assert os.listdir(box.store.conversations) == ["other"]


@pytest.mark.parametrize("name", [SEGMENTS, ABOUT])
def test_a_damaged_list_keeps_every_segment_until_its_snapshot_goes(box: Box, name: str) -> None:
    """What it needs can't be known without a key; the person may still open it with one."""
    box.transcript.fill(100_000)
    box.take()
    box.transcript.fill(100_000)
    spoilt = box.take()
    box.transcript.fill(100_000)
    box.take()
    before = set(box.segments())
    path = Path(box.store.path(spoilt, name))
    path.write_bytes(path.read_bytes()[:-5])
    prune(box.store, settings(retention_count=2), SESSION)
    assert spoilt in box.store.ids()
    if name == SEGMENTS:
        assert set(box.segments()) == before
        assert box.told(spoilt) == box.transcript.path.read_bytes()[: box.main(spoilt)["size_bytes"]]
    prune(box.store, settings(retention_count=1), SESSION)
    assert len(box.segments()) == 1


def sessions_of(box: Box, count: int) -> list[str]:
    """Snapshots of so many sessions, some 150 KB each, oldest first."""
    taken = []
    for number in range(count):
        talk = Transcript(box.config / "projects" / "-work-x" / f"s{number}.jsonl")
        talk.prompt(os.urandom(150_000).hex())
        taken.append(box.take(session=f"s{number}", transcript=str(talk.path)))
    return taken


def test_a_damaged_list_costs_no_good_snapshot_for_the_size(box: Box) -> None:
    """While it is there no segment can go: removing snapshots would free nothing."""
    taken = sessions_of(box, 6)
    path = Path(box.store.path(taken[2], SEGMENTS))
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    limit = settings(retention_bytes=disk_bytes(box) - 100_000)
    assert [prune(box.store, limit, "s5") for _ in range(3)] == [[]] * 3
    assert all(verify(box.store, name, box.keys) == [] for name in taken if name != taken[2])
    log = (box.state / "memguard.log").read_text()
    assert f"{taken[2]}/segments is damaged" in log
    assert "over the size" in log
    # Once it goes for another reason, the size counts again.
    spoilt = aged(box, taken[2], 9)
    assert prune(box.store, limit, "s5") == [spoilt]
    assert disk_bytes(box) <= limit.retention_bytes
    assert prune(box.store, settings(retention_bytes=disk_bytes(box) - 100_000), "s5") == [taken[0]]


@pytest.mark.parametrize("name", ["backup", "20261123T013405Z-1F3A9C", "20261123T013405Z"])
def test_a_folder_of_another_name_is_no_snapshot_and_stays(box: Box, name: str) -> None:
    taken = sessions_of(box, 4)
    (Path(box.store.folder) / name).mkdir()
    assert box.store.ids() == taken[::-1]
    before = disk_bytes(box)
    assert prune(box.store, settings(retention_bytes=before - 100_000), "s3") == taken[:1]
    assert disk_bytes(box) <= before - 100_000
    assert prune(box.store, settings(retention_days=0, retention_count=1), "s3") == taken[1:3]
    assert (Path(box.store.folder) / name).is_dir()


def rewritten(path: Path) -> None:
    path.write_bytes(b'{"type":"other"}\n' * 10_000)


LOSSES: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "emptied": lambda path: os.truncate(path, 0),
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "rewritten, and longer": rewritten,
}


@pytest.mark.parametrize("loss", LOSSES)
def test_what_a_conversation_was_before_it_was_lost_stays_while_its_session_lives(box: Box, loss: str) -> None:
    """However many turns follow, and however old it gets."""
    box.transcript.fill(60_000)
    content = box.transcript.path.read_bytes()
    box.take()
    full = box.take()
    LOSSES[loss](box.transcript.path)
    box.compile(retention_count=1, retention_bytes=1)
    for _ in range(5):
        newest = box.take()
        assert box.told(full) == content
        assert newest in box.store.ids()
        assert len(box.store.ids()) <= 3
        box.transcript.path.touch()
        box.transcript.fill(20_000)


def test_a_conversation_that_was_lost_twice(box: Box) -> None:
    box.transcript.fill(60_000)
    full = box.take()
    for _ in range(2):
        os.truncate(box.transcript.path, 0)
        for _ in range(2):
            box.transcript.prompt("again")
            box.take()
    prune(box.store, settings(retention_count=1), SESSION)
    assert full in box.store.ids()
    assert len(box.store.ids()) == 3


def test_a_conversation_that_could_not_be_read_once_keeps_only_the_newest_of_it(box: Box) -> None:
    box.transcript.fill(60_000)
    ids = [box.take(), box.take(transcript=str(box.folder / "nowhere.jsonl"))]
    assert prune(box.store, settings(retention_count=1), SESSION) == []
    ids.append(box.take())
    assert prune(box.store, settings(retention_count=1), SESSION) == ids[:2]


def test_what_was_said_since_a_loss_stays_where_the_newest_could_not_be_read(box: Box) -> None:
    box.transcript.fill(60_000)
    box.take()
    os.truncate(box.transcript.path, 30_000)
    box.take()
    box.transcript.prompt("since then")
    since = box.take()
    for _ in range(2):
        box.take(transcript=str(box.folder / "nowhere.jsonl"))
    prune(box.store, settings(retention_count=1), SESSION)
    assert since in box.store.ids()
    assert len(box.store.ids()) == 4


def test_the_newest_with_a_conversation_stays_when_no_session_lives(box: Box) -> None:
    box.transcript.fill(60_000)
    full = box.take()
    box.transcript.path.unlink()
    ids = [box.take() for _ in range(3)]
    assert prune(box.store, settings(retention_count=1), "") == ids[:2]
    assert box.store.ids() == [ids[2], full]


def test_what_a_capture_that_died_has_left_is_removed(box: Box) -> None:
    box.transcript.prompt("hello")
    box.take()
    before = set(box.files())
    (Path(box.store.folder) / ".20261123T013405Z-1f3a9c").mkdir()
    (Path(box.store.folder) / ".20261123T013405Z-1f3a9c" / MANIFEST).write_bytes(b"half")
    box.cursor().with_name(f"{'0' * 16}.sealed").write_bytes(b"half")
    box.cursor().with_name(".cursor.tmp").write_bytes(b"half")
    box.take()
    left = {path.name for path in set(box.files()) - before}
    assert left == {MANIFEST, SEGMENTS, ABOUT}


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
    box.take()
    assert os.listdir(f"{project}/spool") == []
