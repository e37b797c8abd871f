"""What is redacted is still a transcript that the client takes up: JSON, ids, signatures, images."""

from __future__ import annotations

import base64
import json
import random
import re
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memguard.state.redact import redact_bytes
from memguard.state.redact.members import Members
from memguard.state.redact.placing import Line, in_raw
from memguard.state.redact.span import Span, united
from memguard.state.redact.view import view
from tests.unit.state.test_redact import LETTERS, SECRETS

TOKEN = SECRETS["github-token"]


def redacted(value: object) -> Any:
    return json.loads(redact_bytes(json.dumps(value, separators=(",", ":")).encode()))


def everything_found(raw: bytes) -> bytes:
    """`raw` with a rule that takes every byte for a secret."""
    return Line(raw, Members(raw)).without([Span(0, len(raw), "all")], 0, len(raw))[0]


def each_string_found(raw: bytes) -> bytes:
    """`raw` with a rule that takes every value that is a string for a secret."""
    spans = [Span(*match.span(1), "all") for match in re.finditer(rb'": "([^"]*)"', view(raw))]
    return Line(raw, Members(raw)).without(in_raw(raw, spans), 0, len(raw))[0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(JSON.filter(lambda value: isinstance(value, dict | list)), st.data())
def test_json_stays_json_whatever_matches(value: object, data: st.DataObject) -> None:
    raw = json.dumps(value, ensure_ascii=data.draw(st.booleans())).encode()
    length = len(view(raw))
    ends = st.tuples(st.integers(0, length), st.integers(0, length)).map(sorted).filter(lambda pair: pair[0] < pair[1])
    spans = [Span(start, stop, "x") for start, stop in data.draw(st.lists(ends, max_size=4))]
    for within_strings in (True, False):
        places = in_raw(raw, united(spans), is_json=within_strings)
        json.loads(Line(raw, Members(raw)).without(places, 0, len(raw))[0])


@given(JSON, st.integers(1, 3))
def test_nested_json_too(value: object, depth: int) -> None:
    for _ in range(depth):
        value = {"inner": json.dumps(value)}
    found = json.loads(everything_found(json.dumps(value).encode()))
    assert set(found) <= {"inner", "[redacted:all]"}


def test_all_that_links_a_conversation_stays() -> None:
    kept = {
        "parentUuid": str(uuid.uuid4()), "uuid": str(uuid.uuid4()), "sessionId": str(uuid.uuid4()),
        "requestId": "req_011CVzAb3dE5gH7jK9mN1pQ2", "timestamp": "2026-11-23T02:08:19.267Z",
        "sourceToolAssistantUUID": str(uuid.uuid4()), "agentId": "a1b2c3d4", "promptId": str(uuid.uuid4()),
    }  # fmt: skip
    inner = {
        "id": "msg_01Ab3dE5gH7jK9mN1pQ2", "content": [
            {"type": "tool_use", "id": "toolu_01Ab3dE5gH7jK9mN1pQ2rS"},
            {"type": "tool_result", "tool_use_id": "toolu_01Ab3dE5gH7jK9mN1pQ2rS"},
        ],
    }  # fmt: skip
    line = json.dumps({**kept, "message": inner, "isSidechain": False, "n": 12345678901234567890}).encode()
    found = json.loads(everything_found(line))
    assert {name: found[name] for name in kept} == kept
    assert found["message"]["id"] == inner["id"]
    assert found["message"]["content"][0]["id"] == found["message"]["content"][1]["tool_use_id"]
    assert found["n"] == 12345678901234567890
    assert found["isSidechain"] is False


def test_a_secret_in_a_member_of_that_name_goes(each_set: str) -> None:
    found = redacted({"id": TOKEN, "uuid": TOKEN, "input": {"session_id": TOKEN}, "signature": "no " + TOKEN})
    assert LETTERS not in json.dumps(found), each_set


def shape(value: object) -> object:
    """The names, and how often there is what below which."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value)


BEGIN, END = "-----BEGIN RSA " + "PRIVATE KEY-----", "-----END RSA " + "PRIVATE KEY-----"
RESULT = {"type": "tool_result", "tool_use_id": "toolu_02abc", "content": f"b.py:19: if '{END}' in text"}


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "text", "text": f"line 1: {BEGIN} and so on"}, {"type": "text", "text": f"line 27: {END}"}],
        [{"type": "tool_result", "tool_use_id": "toolu_01abc", "content": f"a.py:12: if '{BEGIN}'"}, RESULT],
        [
            {"type": "text", "text": BEGIN},
            {"type": "tool_use", "id": "toolu_01", "name": "Edit", "input": {"new": END}},
        ],
        [{"a b": f"x {BEGIN}\\", "k.l": "c", "Is it?": "yes", "Or?": 1, "old": False, "last": f"no {END}"}],
        [{"text": f"{BEGIN}\n{LETTERS * 2}\n"}, {"client secret": "a b", "answers": {"Which?": END, "2nd": "B" * 40}}],
    ],
)
def test_a_key_that_begins_in_one_string_and_ends_in_another_takes_nothing_between(
    content: list[dict[str, Any]], each_set: str
) -> None:
    line = {"type": "user", "message": {"role": "user", "content": content, "stop_reason": "tool_use"}, "uuid": "x"}
    found = redacted(line)
    assert shape(found) == shape(line), each_set
    blocks = found["message"]["content"]
    for name in ("type", "name", "k.l", "Is it?"):
        assert [block.get(name) for block in blocks] == [block.get(name) for block in content]
    assert LETTERS not in str(found)
    assert found["message"]["role"] == "user"


@pytest.mark.parametrize(
    "input_",
    [
        {"signature": TOKEN},
        {"base64": SECRETS["anthropic-key"]},
        {"encrypted_value": TOKEN},
        {"name": TOKEN},
        {"type": TOKEN},
    ],
)
def test_a_token_that_a_tool_is_given_under_the_name_of_what_stays_goes(input_: dict[str, str], each_set: str) -> None:
    block = {"type": "tool_use", "id": "toolu_01", "name": "mcp__x__get_secret_token", "input": input_}
    found = redacted({"content": [block]})["content"][0]
    assert LETTERS not in str(found), each_set
    assert found == {**block, "input": found["input"]}


def test_all_that_says_what_a_block_is_stays() -> None:
    block = {"type": "tool_use", "id": "toolu_01abc", "name": "mcp__x__read", "input": {"name": "a"}}
    line = {"type": "assistant", "message": {"role": "assistant", "content": [block], "stop_reason": "tool_use"}}
    found = json.loads(each_string_found(json.dumps(line).encode()))
    assert shape(found) == shape(line)
    assert found["type"] == found["message"]["role"] == "assistant"
    assert found["message"]["stop_reason"] == "tool_use"
    assert found["message"]["content"][0] == {**block, "input": {"name": "[redacted:all]"}}


def test_text_that_looks_like_members_is_text() -> None:
    """A tool has printed JSON with a key that is a UUID, behind a name that makes it one."""
    key = str(uuid.uuid4())
    output = json.dumps({"id": "x", "HEROKU_API_KEY": key})
    assert key not in str(redacted({"content": output, "uuid": key})["content"])
    assert redacted({"content": output, "uuid": key})["uuid"] == key


@pytest.mark.parametrize("name", ["signature", "encrypted_content", "base64"])
def test_what_only_the_api_can_read_stays(name: str, each_set: str) -> None:
    blob = base64.b64encode(random.Random(1).randbytes(600)).decode() + "AKIA" + "IOSFODNN7EXAMPLE"
    block = {"type": "thinking", "thinking": f"the key is {TOKEN}", name: blob}
    found = redacted({"message": {"content": [block]}})["message"]["content"][0]
    assert found[name] == blob, each_set
    assert LETTERS not in found["thinking"]


@pytest.mark.parametrize("order", [("type", "media_type", "data"), ("type", "data", "media_type")])
def test_images_are_not_torn(order: tuple[str, ...], each_set: str) -> None:
    seed = random.randrange(2**32)
    print("seed", seed, each_set)  # noqa: T201  shown where the test fails
    data = base64.b64encode(random.Random(seed).randbytes(40000)).decode() + "AKIA" + "IOSFODNN7EXAMPLE" + "eyJhbGciOi"
    values = {"type": "base64", "media_type": "image/png", "data": data}
    source = {name: values[name] for name in order}
    assert redacted({"content": [{"type": "image", "source": source}]})["content"][0]["source"] == values


def test_a_documents_text_is_no_image(each_set: str) -> None:
    source = {"type": "text", "media_type": "text/plain", "data": f"key {TOKEN}"}
    assert LETTERS not in str(redacted({"content": [{"type": "document", "source": source}]})), each_set


def test_a_key_in_a_list_of_lines_goes_and_the_list_stays(each_set: str) -> None:
    lines = ["-----BEGIN " + "PRIVATE KEY-----", *(LETTERS * 2 for _ in range(5)), "-----END " + "PRIVATE KEY-----"]
    found = redacted({"source": lines, "uuid": "x"})
    assert LETTERS not in str(found), each_set
    assert set(found) == {"source", "uuid"}
    assert len(found["source"]) == len(lines)
