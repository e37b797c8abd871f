"""Which lines of a transcript matter, and what of that is carried from one capture to the next."""

from __future__ import annotations

import json
import os
import random
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from memguard.state.index_text import LONGEST
from memguard.state.places import MOST_FAILURES, MOST_OPEN_CALLS, MOST_PLACES
from memguard.state.transcript import LineIndex
from tests.long_conversation import LongConversation, write_session

USER = b'{"parentUuid":null,"isSidechain":false,"type":"user","message":{"role":"user","content":"%d"},"uuid":"x"}\n'


@pytest.fixture
def conversation(tmp_path: Path) -> LongConversation:
    """An empty transcript."""
    return LongConversation(tmp_path / "t.jsonl")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A session of some hundred lines with everything in it."""
    conversation = LongConversation(tmp_path_factory.mktemp("session") / "t.jsonl")
    write_session(conversation, 12)
    return conversation.path.read_bytes()


def indexed(data: bytes, size: int = 1048576) -> LineIndex:
    index = LineIndex()
    for at in range(0, len(data), size):
        index.feed(data[at : at + size])
    index.finish()
    return index


def kinds(data: bytes) -> dict[str, list[int]]:
    """The numbers of the lines that were kept, by kind."""
    index = indexed(data)
    starts = {0: 0}
    for number, line in enumerate(data.split(b"\n")):
        starts[list(starts)[-1] + len(line) + 1] = number + 1
    return {kind: [starts[offset] for offset, _ in places] for kind, places in index.kept.items() if kind != "recent"}


def test_each_line_is_kept_for_what_it_is(conversation: LongConversation) -> None:
    conversation.prompt("first")  # 0
    conversation.noise()
    conversation.edit("/x/a.py")  # 3, 4
    conversation.error(
        conversation.calls("Edit", {"file_path": "/x/b.py"}), "<tool_use_error>no</tool_use_error>"
    )  # 5, 6
    conversation.asks("which?", "this")  # 7, 8
    conversation.refused("Bash", {"command": "rm"}, "no")  # 9, 10
    conversation.task(1, "item")  # 11, 12
    conversation.calls("TodoWrite", {"todos": []})  # 13
    call = conversation.background("serve", "b1")  # 14, 15
    conversation.compacted()  # 16, 17
    conversation.notice("b1", call, "completed", "over")  # 18 and 19 in the queue, 20
    conversation.prompt("of an agent", isSidechain=True)
    conversation.prompt("a caveat", isMeta=True)
    conversation.entry(type="attachment", attachment={"type": "queued_command", "prompt": "and hurry"})  # 23
    conversation.message(
        "user", {"role": "user", "content": [{"type": "text", "text": "[Request interrupted by user]"}]}
    )
    conversation.told("memguard, which guards this session's memory, restarted it. The facts:\n- x")  # 25
    conversation.told("memguard, which guards this session's memory, restarted it. The facts:\n- y")
    conversation.told("of another hook")
    assert kinds(conversation.path.read_bytes()) == {
        "first": [0], "digests": [25], "prompts": [0, 23], "queue": [], "notices": [20], "edits": [3, 5, 6],
        "todos": [11, 12, 13], "decisions": [7, 8, 9, 10], "background": [14, 15], "summaries": [17],
    }  # fmt: skip


def test_a_call_is_found_by_its_id_wherever_that_stands(conversation: LongConversation) -> None:
    block = {"type": "tool_use", "name": "Bash", "input": {"command": "make", "id": "not this"}, "id": "toolu_behind"}
    body = {"id": "msg_1", "type": "message", "role": "assistant", "content": [block], "stop_reason": "tool_use"}
    conversation.message("assistant", body)
    conversation.error("toolu_behind", "Exit code 2\nno rule")
    assert [failure.times for failure in indexed(conversation.path.read_bytes()).failures.values()] == [1]


def test_parallel_calls_find_their_own_results(conversation: LongConversation) -> None:
    calls = [conversation.calls("Bash", {"command": f"step {n}"}, "msg_1") for n in range(5)]
    for number in (3, 0, 4, 1, 2):
        conversation.error(calls[number], f"Exit code {number + 1}\n{number}")
    data = conversation.path.read_bytes()
    for failure in indexed(data).failures.values():
        offset, length = failure.call
        command = json.loads(data[offset : offset + length])["message"]["content"][0]["input"]["command"]
        result = json.loads(data[failure.result[0] : sum(failure.result)])
        assert result["message"]["content"][0]["content"].endswith(command.removeprefix("step "))


def test_a_command_that_succeeds_has_not_failed(conversation: LongConversation) -> None:
    conversation.bash("make test", "1 failed", 1)
    conversation.bash("make lint", "9 errors", 2)
    conversation.bash("make test", "2 failed", 1)
    index = indexed(conversation.path.read_bytes())
    assert [failure.times for failure in index.failures.values()] == [1, 2]
    conversation.bash("make test")
    assert len(indexed(conversation.path.read_bytes()).failures) == 1


@pytest.mark.parametrize(
    "content",
    ["<tool_use_error>InputValidationError</tool_use_error>", "[Tool call interrupted: the session ended"],
)
def test_a_call_that_never_ran_is_no_failed_command(conversation: LongConversation, content: str) -> None:
    conversation.error(conversation.calls("Bash", {"command": "x"}), content)
    assert indexed(conversation.path.read_bytes()).failures == {}


def test_calls_count_from_the_last_thing_typed(conversation: LongConversation) -> None:
    conversation.prompt("one")
    conversation.bash("a")
    conversation.prompt("two")
    conversation.bash("b")
    conversation.prompt("<command-name>/cost</command-name>")
    conversation.bash("c")
    assert indexed(conversation.path.read_bytes()).calls == 2


def test_an_empty_queue_forgets_what_was_in_it(conversation: LongConversation) -> None:
    for operation in ("enqueue", "enqueue", "dequeue"):
        conversation.entry(type="queue-operation", operation=operation, content="x")
    assert len(indexed(conversation.path.read_bytes()).kept["queue"]) == 3
    conversation.entry(type="queue-operation", operation="dequeue")
    conversation.entry(type="queue-operation", operation="enqueue", content="y")
    assert len(indexed(conversation.path.read_bytes()).kept["queue"]) == 1


def test_the_index_is_the_same_whatever_the_blocks(session: bytes) -> None:
    whole = indexed(session).to_text()
    for size in (1, 7, 100, 4096, 65536):
        assert indexed(session, size).to_text() == whole


def test_a_carried_index_is_the_same_as_one_that_saw_it_all(session: bytes) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201  shown where the test fails
    chance = random.Random(seed)
    lines = session.splitlines(keepends=True)
    index = LineIndex()
    while lines:
        count = chance.choice([1, 1, 2, 5, 40])
        index = LineIndex.from_text(index.to_text())
        data = b"".join(lines[:count])
        size = chance.choice([1, 50, 5000])
        for at in range(0, len(data), size):
            index.feed(data[at : at + size])
        del lines[:count]
    assert index.to_text() == indexed(session).to_text()
    assert index.places == indexed(session).places


def test_what_is_carried_ends_before_a_torn_line(session: bytes) -> None:
    before = indexed(session).to_text()
    torn = b'{"type":"user","message":{"role":"user","content":"torn'
    index = LineIndex.from_text(before)
    index.feed(torn)
    assert index.to_text() == before
    index.finish()
    assert (index.is_torn, index.to_text()) == (True, before)
    assert index.places[-1] == (len(session), len(torn))
    again = LineIndex.from_text(index.to_text())
    again.feed(torn + b'"}}\n')
    assert again.places[-1] == (len(session), len(torn) + 3)


def test_what_is_carried_holds_numbers_only(session: bytes) -> None:
    words = indexed(session).to_text().replace(":", " ").replace(",", " ").replace("+", " ").split()
    assert {word for word in words if not word.isdigit()} == {*MOST_PLACES, "failures", "open"}


def full_index(offset: int) -> LineIndex:
    """Every kind at its most, at the end of a file that is `offset` bytes long."""
    index = LineIndex()
    index.offset, index.lines = offset, offset // 1000
    line = json.dumps(
        {"type": "user", "message": {"role": "user", "content": "x" * 900}}, separators=(",", ":")
    ).encode()
    told = "memguard, which guards this session's memory, restarted it. The facts:"
    attachment = {"attachment": {"type": "hook_additional_context", "content": [told]}}
    index.feed(json.dumps(attachment, separators=(",", ":")).encode() + b"\n")
    names = ["Edit", "TodoWrite", "Bash", "AskUserQuestion", "Agent"]
    for number in range(1000):
        name = names[number % len(names)]
        call = f'{{"type":"tool_use","id":"toolu_{number}","name":"{name}","input":{{"command":"c {number}"}}}}'
        index.feed(b'{"message":{"role":"assistant","content":[' + call.encode() + b"]}}\n")
        error = '"is_error":true,' if name == "Bash" else ""
        result = f'{{"type":"tool_result","content":"x",{error}"tool_use_id":"toolu_{number}"}}'
        more = b'"isAsync":true' if name == "Agent" else b'"x":1'
        index.feed(b'{"type":"user","message":{"role":"user","content":[' + result.encode() + b"]}," + more + b"}\n")
        index.feed(line + b"\n")
        index.feed(b'{"type":"user","message":{"role":"user","content":"<task-notification>x"}}\n')
        index.feed(b'{"type":"queue-operation","operation":"enqueue","content":"x"}\n')
        index.feed(b'{"type":"user","message":{"role":"user","content":"x"},"isCompactSummary":true}\n')
    return index


def test_the_state_is_bounded_however_long_the_file_is() -> None:
    index = full_index(10**11)
    assert all(len(places) == MOST_PLACES[kind] for kind, places in index.kept.items()), index.kept
    assert (len(index.failures), len(index.open_calls)) == (MOST_FAILURES, MOST_OPEN_CALLS)
    assert len(index.to_text()) <= LONGEST
    assert LineIndex.from_text(index.to_text()).to_text() == index.to_text()


def changed(text: str) -> Iterator[str]:
    """What nobody but a stranger would have written."""
    yield from ("", "2", "1 0 0 0 0 0", text + " ", text + "\n", " " + text, text.replace("2 ", "3 ", 1))
    yield from (text.replace("first:", "first:9+99999999,", 1), text.replace("prompts:", "prompts:0+-5,", 1))
    yield from (
        text.replace("+", "+0", 1),
        text.replace("failures:", "failures:1+2+3+4,", 1),
        text.replace("open:", "open:1+1+1+99+1,", 1),
        text.replace("recent:", "x:"),
    )
    yield from (
        "2 " + "9" * 5000,
        "2 1 1 1 1 1 " + "recent:" + ",".join(["0+1"] * 9000),
        text.replace("2", "\N{FULLWIDTH DIGIT TWO}", 1),
    )
    words = text.split(" ")
    yield " ".join([*words[:2], "5", *words[3:]])  # shorter than what lies in it
    yield " ".join([*words[:1], str(10**12), *words[2:]])  # more lines than bytes


def test_a_state_that_it_would_not_have_written_is_refused(session: bytes) -> None:
    text = indexed(session).to_text()
    for other in changed(text):
        with pytest.raises(ValueError, match=r"."):
            LineIndex.from_text(other)


def test_random_damage_is_refused_or_harmless(session: bytes) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201  shown where the test fails
    chance, text = random.Random(seed), indexed(session).to_text()
    for _ in range(500):
        at = chance.randrange(len(text))
        damaged = text[:at] + chance.choice(["", "0", "9", "-", "+", ",", " ", ":", "x", "\0", "٣"]) + text[at + 1 :]
        try:
            index = LineIndex.from_text(damaged)
        except ValueError:
            continue
        assert all(offset >= 0 and offset + length < index.offset for offset, length in index.places)


def test_a_line_of_fifty_megabytes_is_judged_by_its_ends_and_not_kept() -> None:
    tracemalloc.start()
    index = LineIndex()
    index.feed(b'{"parentUuid":null,"isSidechain":false,"type":"user","message":{"role":"user","content":"')
    for _ in range(50):
        index.feed(b"x" * 1048576)
    index.feed(b'"},"isMeta":true,"uuid":"y"}\n' + USER % 7)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(index.kept["recent"]) == 2
    assert [offset for offset, _ in index.kept["prompts"]] == [index.kept["recent"][0][1] + 1]
    assert peak < 4 * 1048576


def test_a_million_lines_cost_their_number_and_no_more(tmp_path: Path) -> None:
    round_ = b"".join(USER % number for number in range(8000)) + b'{"type":"last-prompt","lastPrompt":"x"}\n' * 12000
    path = tmp_path / "t.jsonl"
    with path.open("wb") as file:
        for _ in range(50):
            file.write(round_)
    seconds = []
    index = LineIndex()
    with path.open("rb", buffering=0) as file:
        for half in range(2):
            begun_s = time.process_time()
            while (at := file.tell()) < path.stat().st_size * (half + 1) // 2:
                index.feed(os.pread(file.fileno(), 1048576, at))
                file.seek(1048576, os.SEEK_CUR)
            seconds.append(time.process_time() - begun_s)
    assert index.lines == 1_000_000
    assert seconds[1] < 3 * seconds[0] + 0.5
    assert sum(seconds) < 15  # 1.5 s here: 1 µs a line of the client's bookkeeping, 3 µs a message
    assert len(index.places) <= sum(MOST_PLACES.values())
