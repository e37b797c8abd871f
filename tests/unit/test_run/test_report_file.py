"""Where the JSON report goes, and what it leaves alone."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from memguard.test_run.account import Account
from memguard.test_run.asked import PERSON, Asked
from memguard.test_run.report_file import document, write_report


def _content(*, is_over: bool = True) -> dict[str, object]:
    return document(Account(Asked(PERSON)), is_over=is_over)


def test_missing_folders_are_made_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_report(f"{tmp_path}/a/b/memory.json", _content())
    assert json.loads((tmp_path / "a/b/memory.json").read_text())["outcome"] == "finished"
    assert os.listdir(tmp_path / "a/b") == ["memory.json"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to(tmp_path / "memory.json")
    write_report(f"{tmp_path}/link.json", _content())
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "memory.json").read_text())["format"] == 1


def test_what_is_no_file_is_written_to_once_and_never_replaced(tmp_path: Path) -> None:
    """As root, `/dev/null` would be gone for the whole host."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_report(str(pipe), _content(is_over=False))
    write_report(str(pipe), _content())
    reader.join(30)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert json.loads(read[0])["outcome"] == "finished"


WRITES = """
import sys
from memguard.test_run.account import Account
from memguard.test_run.asked import PERSON, Asked
from memguard.test_run.report_file import document, write_report
print("before", flush=True)
for is_over in (False, True):
    write_report(sys.argv[1], document(Account(Asked(PERSON)), is_over=is_over))
print("after", flush=True)
"""


@pytest.mark.parametrize("how", ["/dev/stdout | cat", "/dev/stdout > out.txt && cat out.txt", "/dev/stderr 2>&1"])
def test_its_own_output_is_written_to_in_its_order(tmp_path: Path, how: str) -> None:
    """A file that stdout was sent to is neither replaced nor cut."""
    bash = shutil.which("bash")
    assert bash is not None
    words = [bash, "-c", f'"$0" -c "$1" {how}', sys.executable, WRITES]
    said = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=30).stdout
    assert said.startswith("before\n\n{")
    assert said.endswith("}\nafter\n")
    assert json.loads(said.removeprefix("before\n").removesuffix("after\n"))["outcome"] == "finished"


def test_a_pipe_without_a_name_is_written_to_by_the_path_that_was_given() -> None:
    """What a shell gives to `--memguard-report >(cat > out.json)`."""
    reader, writer = os.pipe()
    path = f"/dev/fd/{writer}"
    write_report(path, _content(is_over=False))
    write_report(path, _content())
    os.close(writer)
    with os.fdopen(reader) as file:
        assert json.load(file)["outcome"] == "finished"


def test_a_disk_that_is_full_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "memory.json"
    path.write_text("old")

    def refuse(*_words: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        write_report(str(path), _content())
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["memory.json"]
    assert path.read_text() == "old"
