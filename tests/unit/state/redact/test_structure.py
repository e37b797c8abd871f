"""What is redacted is still a transcript that the client takes up: JSON, ids, signatures, images."""

from __future__ import annotations

import base64
import json
import random
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
    whole = [Span(0, len(view(raw)), "all")]
    return Line(raw, Members(raw)).without(in_raw(raw, whole), 0, len(raw))[0]


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
    out, _ = Line(raw, Members(raw)).without(in_raw(raw, united(spans)), 0, len(raw))
    json.loads(out)


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
