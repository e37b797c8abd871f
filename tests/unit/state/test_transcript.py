"""Which file may be read, and which of its lines matter."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memguard.core.errors import ClientError
from memguard.state.transcript import LineIndex, config_dir, open_transcript
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


def test_lines_are_found_whatever_the_blocks(box: Box) -> None:
    box.transcript.prompt("first")
    call = box.transcript.calls("Edit", {"file_path": "/x", "old_string": "a" * 9000, "new_string": "b"})
    box.transcript.result(call, "done")
    box.transcript.entry(type="api-request-blob", message={"role": "user", "content": "not a prompt"})
    box.transcript.says("finished")
    data = box.transcript.path.read_bytes()
    for size in (1, 17, 4096, len(data)):
        index = LineIndex()
        for at in range(0, len(data), size):
            index.feed(data[at : at + size])
        index.finish()
        assert (index.lines, index.is_torn, len(index.prompts), len(index.tools), len(index.recent)) == (
            5,
            False,
            1,
            1,
            4,
        )
        assert data[slice(index.tools[0][0], sum(index.tools[0]))].startswith(b'{"parentUuid"')


def test_a_long_conversation_is_remembered_by_its_end() -> None:
    index = LineIndex()
    for number in range(5000):
        index.feed(b'{"type":"user","message":{"role":"user","content":"%d"}}\n' % number)
    index.finish()
    assert index.lines == 5000
    assert len(index.places) < 700
