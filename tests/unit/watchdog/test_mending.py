"""A torn transcript before and after a resume: who may be at it, and what the client's first hook says."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from memguard.core.session_clients import add_client
from memguard.host.identity import identify
from memguard.watchdog import mending, resumption
from memguard.watchdog.mending import mend, take_back
from memguard.watchdog.resumption import Resumption
from tests.torn_scene import SESSION, TORN, WHOLE, Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_what_is_done_is_said_without_a_word_of_the_conversation(scene: Scene) -> None:
    assert mend(scene.session) == len(TORN)
    (event,) = scene.events()
    assert (event["event"], event["session"], event["torn_bytes"]) == ("torn_line_set_aside", SESSION, len(TORN))
    plain = b"".join(
        path.read_bytes() for path in scene.folder.rglob("*") if path.is_file() and "client" not in path.parts
    )
    assert TORN not in plain
    assert b"parser" not in plain


def test_a_whole_conversation_is_left_alone_and_nothing_is_said(scene: Scene) -> None:
    scene.path.write_bytes(WHOLE)
    assert mend(scene.session) == 0
    assert (scene.path.read_bytes(), scene.copies(), scene.events()) == (WHOLE, [], [])


def test_one_that_is_missing_or_elsewhere_is_left_alone(scene: Scene, tmp_path: Path) -> None:
    scene.path.unlink()
    assert mend(scene.session) == 0
    scene.session.activity.transcript = str(tmp_path / "other.jsonl")
    (tmp_path / "other.jsonl").write_bytes(WHOLE + TORN)
    assert mend(scene.session) == 0
    assert (tmp_path / "other.jsonl").read_bytes() == WHOLE + TORN
    assert [event["event"] for event in scene.events()] == ["transcript_not_mended"] * 2


def test_what_another_client_has_resumed_is_not_touched(scene: Scene) -> None:
    """By the client's own registry, or by the guards': that one may be in the middle of this very line."""
    scene.claim(os.getpid())
    assert mend(scene.session) == 0
    assert "another client has resumed" in scene.events()[-1]["why"]
    scene.claim(os.getpid(), session="another")
    own = identify(os.getpid())
    assert own is not None
    add_client(str(scene.folder / "runtime"), SESSION, own)
    assert mend(scene.session) == 0
    assert (scene.path.read_bytes(), scene.copies()) == (WHOLE + TORN, [])


def test_what_is_read_for_a_moment_is_waited_for(scene: Scene) -> None:
    """As by a capture that a hook of the killed client has started."""
    code = "import sys, time; file = open(sys.argv[1], 'rb'); print('open', flush=True); time.sleep(0.3)"
    words = [sys.executable, "-I", "-S", "-c", code, str(scene.path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        assert mend(scene.session) == len(TORN)


def test_what_is_read_for_longer_is_not(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mending, "_PATIENCE_S", 0.1)
    with scene.path.open("rb"):
        assert mend(scene.session) == 0
    assert (scene.path.read_bytes(), scene.copies(), scene.record.exists()) == (WHOLE + TORN, [], False)


def test_a_client_that_takes_the_conversation_up_settles_it(scene: Scene) -> None:
    mend(scene.session)
    resumption = Resumption(scene.session)
    resumption.look()
    assert scene.record.exists()
    scene.session.activity.start_source = "resume"
    resumption.look()
    assert not scene.record.exists()
    resumption.client_gone()
    assert (scene.path.read_bytes(), scene.copies()) == (WHOLE, [TORN])
    assert scene.session.restarted_with == "resume"


def test_a_client_that_begins_another_conversation_has_refused(scene: Scene) -> None:
    mend(scene.session)
    resumption = Resumption(scene.session)
    scene.session.activity.start_source = "startup"
    resumption.look()
    assert (scene.path.read_bytes(), scene.copies(), scene.record.exists()) == (WHOLE + TORN, [], False)
    assert scene.session.restarted_with == "fresh"
    assert [event["event"] for event in scene.events()] == ["torn_line_set_aside", "torn_line_put_back"]


def test_so_has_one_that_ends_before_its_first_hook_also_under_the_next_watchdog(scene: Scene) -> None:
    mend(scene.session)
    scene.session.restarted_with = ""  # what the watchdog knew that died
    Resumption(scene.session).client_gone()
    assert (scene.path.read_bytes(), scene.copies()) == (WHOLE + TORN, [])


def test_a_client_that_was_to_resume_nothing_refuses_nothing(scene: Scene) -> None:
    scene.session.restarted_with = ""
    resumption = Resumption(scene.session)
    scene.session.activity.start_source = "startup"
    resumption.look()
    resumption.client_gone()
    assert (scene.session.restarted_with, scene.events()) == ("", [])


def fill_disk(patched: pytest.MonkeyPatch, most_bytes: int) -> None:
    """So much finds room, and nothing more."""
    original, left = os.pwrite, [most_bytes]

    def pwrite(descriptor: int, data: bytes, offset: int) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = original(descriptor, data[: left[0]], offset)
        left[0] -= written
        return written

    patched.setattr(os, "pwrite", pwrite)


def test_what_a_full_disk_has_put_back_in_part_is_completed_later(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    mend(scene.session)
    with monkeypatch.context() as patched:
        fill_disk(patched, 9)
        assert not take_back(scene.session)
    assert (scene.path.read_bytes(), scene.copies()) == (WHOLE + TORN[:9], [TORN])
    assert [event["event"] for event in scene.events()] == ["torn_line_set_aside"]
    assert take_back(scene.session)
    assert (scene.path.read_bytes(), scene.copies(), scene.record.exists()) == (WHOLE + TORN, [], False)
    assert scene.events()[-1]["event"] == "torn_line_put_back"


def test_what_is_still_to_be_put_back_is_not_mended_over(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The note of the one would take the place of the other's, and nothing would complete that one any more."""
    mend(scene.session)
    with monkeypatch.context() as patched:
        fill_disk(patched, 9)
        take_back(scene.session)
        assert mend(scene.session) == 0
    assert scene.copies() == [TORN]
    assert "put back yet" in scene.events()[-1]["why"]
    assert mend(scene.session) == len(TORN)
    assert (scene.path.read_bytes(), scene.copies()) == (WHOLE, [TORN])


def test_what_an_editor_has_open_is_put_back_once_it_is_closed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mending, "_PATIENCE_S", 0.1)
    mend(scene.session)
    scene.session.activity.start_source = "startup"
    watching = Resumption(scene.session)
    with scene.path.open("rb"):
        watching.look()
        assert (scene.path.read_bytes(), scene.record.exists()) == (WHOLE, True)
    watching.look()  # not at each look: who has it open keeps it open for a while
    assert scene.path.read_bytes() == WHOLE
    Resumption(scene.session).look()  # of the next client, or of the next watchdog
    assert (scene.path.read_bytes(), scene.copies(), scene.record.exists()) == (WHOLE + TORN, [], False)


def test_it_is_tried_again_under_the_same_client(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mending, "_PATIENCE_S", 0.1)
    monkeypatch.setattr(resumption, "_AGAIN_S", 0.0)
    mend(scene.session)
    scene.session.activity.start_source = "startup"
    watching = Resumption(scene.session)
    with scene.path.open("rb"):
        watching.look()
    scene.session.activity.start_source = "clear"
    watching.look()
    assert (scene.path.read_bytes(), watching.is_open) == (WHOLE + TORN, False)


def test_it_is_not_put_back_under_a_client_that_has_resumed_it_since(scene: Scene) -> None:
    mend(scene.session)
    scene.claim(os.getpid())
    assert not take_back(scene.session)
    assert (scene.path.read_bytes(), scene.record.exists()) == (WHOLE, True)


def test_what_the_client_has_written_since_stays_and_so_does_the_copy(scene: Scene) -> None:
    mend(scene.session)
    with scene.path.open("ab") as file:
        file.write(WHOLE)
    assert not take_back(scene.session)
    assert (scene.path.read_bytes(), scene.copies(), scene.record.exists()) == (WHOLE + WHOLE, [TORN], False)
    assert scene.events()[-1]["event"] == "torn_line_left_aside"


@pytest.mark.parametrize(
    "record",
    [
        "", "torn", "transcript={path}\noffset=-1\nsize_bytes=3\nname={name}.memguard-torn-x\n",
        "transcript={path}\noffset=0\nsize_bytes=3\nname=../{name}.memguard-torn-x\n",
        "transcript=relative\noffset=0\nsize_bytes=3\nname=relative.memguard-torn-x\n",
        "transcript={path}\noffset=0\nsize_bytes=3\nname={name}\n",
        "transcript={path}\noffset=0\nsize_bytes=3\nname={name}.memguard-torn-/../../x\n",
    ],
)  # fmt: skip
def test_a_record_that_memguard_did_not_write_does_nothing(scene: Scene, record: str) -> None:
    scene.record.write_text(record.format(path=scene.path, name=scene.path.name))
    assert not take_back(scene.session)
    assert (scene.path.read_bytes(), scene.copies()) == (WHOLE + TORN, [])
