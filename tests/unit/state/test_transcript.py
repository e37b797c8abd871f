"""Which file may be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memguard.core.errors import ClientError
from memguard.state.transcript import config_dir, open_transcript
from tests.transcripts import Box


def test_the_clients_folder_goes_by_the_clients_environment() -> None:
    assert config_dir({"CLAUDE_CONFIG_DIR": "/c", "HOME": "/h"}) == "/c"
    assert config_dir({"HOME": "/h"}) == "/h/.claude"


def test_a_transcript_of_the_client_opens(box: Box) -> None:
    box.transcript.prompt("hello")
    os.close(open_transcript(str(box.transcript.path), str(box.config)))


def test_the_clients_folder_may_itself_be_a_link(box: Box, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(box.config)
    path = tmp_path / "linked" / box.transcript.path.relative_to(box.config)
    os.close(open_transcript(str(path), str(tmp_path / "linked")))


@pytest.mark.parametrize(
    "kind",
    ["elsewhere", "dots", "link", "linked folder", "folder", "fifo", "missing", "relative", "nul", "projects itself"],
)
def test_anything_else_is_refused_with_a_clear_error(box: Box, tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret.jsonl"
    secret.write_text("{}\n")
    folder = box.transcript.path.parent
    (folder / "link.jsonl").symlink_to(secret)
    (box.config / "projects" / "linked").symlink_to(tmp_path)
    (folder / "folder.jsonl").mkdir()
    os.mkfifo(folder / "fifo.jsonl")
    paths = {
        "elsewhere": str(secret),
        "dots": f"{folder}/../../../secret.jsonl",
        "link": f"{folder}/link.jsonl",
        "linked folder": f"{box.config}/projects/linked/secret.jsonl",
        "folder": f"{folder}/folder.jsonl",
        "fifo": f"{folder}/fifo.jsonl",
        "missing": f"{folder}/none.jsonl",
        "relative": "projects/x.jsonl",
        "nul": f"{folder}/a\0b",
        "projects itself": f"{box.config}/projects",
    }
    with pytest.raises(ClientError) as caught:
        open_transcript(paths[kind], str(box.config))
    assert caught.value.what.isprintable()
