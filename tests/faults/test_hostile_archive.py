"""An archive from somebody who knows the person's public key: refused by name, and nothing of it is anywhere."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memguard.core.errors import EnvelopeError, StateError
from memguard.state import archive, envelope
from memguard.state.archive import RECORD, Archive
from memguard.state.garbage import needed_places
from memguard.state.importing import take_in
from memguard.state.keys import public_key
from memguard.state.snapshot import Snapshot
from memguard.state.tar_members import MOST_MEMBERS, members
from memguard.state.verify import verify
from tests.forged_archive import forged, packed, sealed
from tests.transcripts import Box

CONTENT = b'{"type":"user"}\n'
LARGEST = 2**53


class Victim:
    """A person with a store, and an archive on its way to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.box = Box(folder)
        self.box.transcript.prompt("hello")
        self.snapshot: Any = {**self.box.read(self.box.take(cwd=""))}
        for part in self.snapshot["transcripts"]:
            part["segments"] = []
        self.key = public_key(str(self.box.state))
        self.path = folder / "archive"

    def takes(self, data: bytes) -> Snapshot:
        self.path.write_bytes(data)
        return take_in(self.box.store, str(self.path), self.box.keys, self.key)

    def refuses(self, data: bytes, match: str = "the archive") -> None:
        """By name, and every file and folder is as it was."""
        self.path.write_bytes(data)
        before = self.everything()
        with pytest.raises(EnvelopeError, match=match) as caught:
            take_in(self.box.store, str(self.path), self.box.keys, self.key)
        assert caught.value.next_step
        assert self.everything() == before

    def everything(self) -> dict[str, tuple[int, bytes]]:
        return {
            str(path): (path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
            for path in self.folder.rglob("*")
        }

    def forged(self, **more: Any) -> bytes:
        return forged(self.snapshot, {"main": CONTENT}, self.key, **more)

    def members(self, **more: Any) -> dict[str, bytes]:
        """Of the same, by name."""
        with tarfile.open(fileobj=io.BytesIO(self.forged(**more))) as tar:
            return {member.name: content.read() for member in tar if (content := tar.extractfile(member))}


@pytest.fixture
def victim(tmp_path: Path) -> Victim:
    return Victim(tmp_path)


def test_an_archive_of_somebody_else_in_the_right_form_is_taken_in(victim: Victim) -> None:
    """Else the tests below would refuse for another reason than theirs."""
    taken = victim.takes(victim.forged())
    assert verify(victim.box.store, taken["id"], victim.box.keys) == []
    assert victim.box.told(taken["id"]) == CONTENT


@pytest.mark.parametrize(
    "kind", ["absolute", "../../../../theirs", "..", "a/b", "x\nformat=1", "\x1b]0;x\x07", "-", "x" * 65]
)
def test_a_session_that_leads_elsewhere(victim: Victim, kind: str) -> None:
    """A folder that is there must keep its mode, too."""
    theirs = victim.folder / "theirs"
    (theirs / "main").mkdir(parents=True, mode=0o755)
    victim.snapshot["session_id"] = str(theirs) if kind == "absolute" else kind
    victim.refuses(victim.forged())
    assert needed_places(victim.box.store) is not None, "what is not needed any more still goes"


def test_a_draft_is_made_in_no_other_folder(victim: Victim) -> None:
    """Whoever asks for it."""
    before = victim.everything()
    with pytest.raises(EnvelopeError), victim.box.store.draft(victim.key, "../x"):
        pass
    with pytest.raises(EnvelopeError), victim.box.store.draft(victim.key, "x") as draft:
        draft.stream_folder("../x")
    assert victim.everything().keys() - before.keys() <= {str(victim.box.state / victim.box.key / "snapshots.lock")}


def put(*path: Any) -> Callable[[Any, Any], None]:
    """Puts a value where the path leads."""

    def change(snapshot: Any, value: Any) -> None:
        for step in path[:-1]:
            snapshot = snapshot[step]
        snapshot[path[-1]] = value

    return change


ODD: dict[str, tuple[Callable[[Any, Any], None], Any]] = {
    "privacy of two lines": (put("privacy"), "exact\nid=x"),
    "privacy of another kind": (put("privacy"), ["exact"]),
    "a stream that leads away": (put("transcripts", 0, "name"), "../main"),
    "a start at no time": (put("process", "started_utc"), float("inf")),
    "a start that is no number": (put("process", "started_utc"), float("nan")),
    "a start after all calendars": (put("process", "started_utc"), 1e18),
    "a start of truth": (put("process", "started_utc"), True),
    "a restart before all time": (put("restart", "attempts"), [{"t_utc": -1e300, "reason": ""}]),
    "a size that no float holds": (put("process", "footprint_bytes"), 10**400),
    "one above the largest": (put("process", "pid"), LARGEST + 1),
    "a text without bytes": (put("transcripts", 0, "meta"), "\ud800"),
    "an infinite number that nobody asked for": (put("more"), float("inf")),
    "no version": (put("version"), ["2"]),
}


@pytest.mark.parametrize("name", ODD)
def test_a_value_that_no_capture_writes(victim: Victim, name: str) -> None:
    change, value = ODD[name]
    change(victim.snapshot, value)
    victim.refuses(victim.forged())


def test_a_number_that_becomes_infinite_only_when_it_is_read(victim: Victim) -> None:
    victim.snapshot["more"] = "?"
    content = victim.members()
    record = io.BytesIO()
    envelope.open_sealed(io.BytesIO(content[RECORD]), record, victim.box.keys, f"memguard export/{RECORD}".encode())
    content[RECORD], _ = sealed(RECORD, [record.getvalue().replace(b'"?"', b"1e999")], victim.key)
    victim.refuses(packed(content))


def test_two_streams_of_one_name(victim: Victim) -> None:
    victim.snapshot["transcripts"] *= 2
    victim.refuses(victim.forged())


@pytest.mark.parametrize(
    "streams",
    [
        {"main": {"commitment": "", "plain_bytes": len(CONTENT)}},
        {"main": {"commitment": "0" * 64, "plain_bytes": -1}},
        {"main": {"commitment": "0" * 64, "plain_bytes": archive.LONGEST_CONVERSATION_BYTES + 1}},
        {"main": {"commitment": "0" * 64, "plain_bytes": True}},
        {"agent-x": {"commitment": "0" * 64, "plain_bytes": 1}},
        [],
    ],
)
def test_streams_that_no_export_writes(victim: Victim, streams: object) -> None:
    victim.refuses(victim.forged(streams=streams), "record is none")


def test_a_record_of_many_megabytes_in_a_few_kilobytes(victim: Victim) -> None:
    data = victim.forged(more=["y" * 1000] * 5000)
    assert len(data) < 100_000
    victim.refuses(data, "longer than it can be")


PEAK = """
import sys
from memguard.state.importing import take_in
from memguard.state.keys import private_keys, public_key
from memguard.state.store import Store
state, key, path = sys.argv[1:]
def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
keys, public = private_keys(state), public_key(state)
before = peak()
take_in(Store(state, key), path, keys, public)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_the_longest_record_takes_a_bounded_memory(victim: Victim) -> None:
    """The kind of JSON that takes most: a list of empty lists."""
    victim.path.write_bytes(victim.forged(more=[[]] * 1_300_000))
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(victim.box.state), victim.box.key, str(victim.path)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert int(done.stdout) * 1024 < 200 * 1048576


class Counted(io.BytesIO):
    """A file that knows how much of it was read."""

    read_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.read_bytes += len(data)
        return data


def test_many_streams_are_found_without_walking_to_each(victim: Victim) -> None:
    names = ["main", *(f"agent-{number:03}" for number in range(150))]
    [part] = victim.snapshot["transcripts"]
    victim.snapshot["transcripts"] = [{**part, "name": name} for name in names]
    source = Counted(forged(victim.snapshot, dict.fromkeys(names, CONTENT), victim.key))
    opened = Archive(source, victim.box.keys)
    for name in opened.streams:
        opened.open_stream(name, envelope.Nowhere())
    assert opened.streams == names
    assert source.read_bytes < 2 * len(source.getvalue())


def test_a_stream_that_is_longer_than_it_says_gives_out_no_more(victim: Victim) -> None:
    data, commitment = sealed("main.sealed", [bytes(1048576)] * 64, victim.key)
    streams = {"main": {"commitment": commitment, "plain_bytes": 5}}
    made = packed({**victim.members(streams=streams), "main.sealed": data})
    victim.refuses(made, "not as long")
    taken = io.BytesIO()
    with pytest.raises(EnvelopeError, match="not as long"):
        Archive(io.BytesIO(made), victim.box.keys).open_stream("main", taken)
    assert len(taken.getvalue()) <= 5


def test_a_file_that_the_record_does_not_name(victim: Victim) -> None:
    victim.refuses(packed({**victim.members(), "agent-x.sealed": b"x"}), "does not hold")


def test_what_is_refused_by_its_record_never_waits_for_the_store(victim: Victim) -> None:
    """Captures give up after a while when somebody has it."""
    victim.snapshot["session_id"] = ".."
    with victim.box.store.draft(victim.key, "x"):
        victim.path.write_bytes(victim.forged())
        with pytest.raises(EnvelopeError):
            take_in(victim.box.store, str(victim.path), victim.box.keys, victim.key)


def member(name: str, **fields: Any) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(header, field, value)
    return header


def tar(*headers: tarfile.TarInfo, **options: Any) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", **options) as made:
        for header in headers:
            made.addfile(header, io.BytesIO(bytes(header.size)))
    return content.getvalue()


TARS = {
    "a link": tar(member("main.sealed", type=tarfile.SYMTYPE, linkname="/etc/passwd")),
    "a hard link": tar(member("main.sealed", type=tarfile.LNKTYPE, linkname="record.sealed")),
    "a folder": tar(member("main.sealed", type=tarfile.DIRTYPE)),
    "a device": tar(member("main.sealed", type=tarfile.CHRTYPE)),
    "holes": tar(member("main.sealed", type=tarfile.GNUTYPE_SPARSE)),
    "a long header": tar(member("main.sealed", pax_headers={"comment": "x" * 100_000})),
    "a name beyond ASCII": tar(member("mäin.sealed"), format=tarfile.GNU_FORMAT),
    "two of one name": tar(member("main.sealed", size=1), member("main.sealed", size=1)),
    "too many": tar(*(member(f"agent-{number}.sealed") for number in range(MOST_MEMBERS + 1))),
    "no end": tar(member("main.sealed", size=1))[:1024],
    "cut in its last file": tar(member("main.sealed", size=2000))[:2000],
    "longer than any file": tar(member("main.sealed", size=1))[:124] + b"\x80" + b"\x7f" * 11 + b"\0" * 1024,
    "nothing": b"",
}


@pytest.mark.parametrize("name", TARS)
def test_a_tar_archive_of_another_kind(victim: Victim, name: str) -> None:
    with pytest.raises(EnvelopeError, match="archive"):
        members(io.BytesIO(TARS[name]))
    victim.refuses(TARS[name], "archive")


def test_what_could_not_be_taken_in_is_not_exported(victim: Victim, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot, path = victim.box.newest(), str(victim.folder / "exported")
    for limit in ("LONGEST_RECORD_BYTES", "LONGEST_CONVERSATION_BYTES"):
        with monkeypatch.context() as patched:
            patched.setattr(archive, limit, 10)
            with pytest.raises(StateError, match="too large"):
                archive.export(victim.box.store, snapshot, path, victim.box.keys, victim.key)
    assert not list(victim.folder.glob("exported*"))
    assert archive.export(victim.box.store, snapshot, path, victim.box.keys, victim.key)
    assert os.path.exists(path)
