"""JSON is changed as text: what is not changed stays byte for byte, and a change can be undone."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memguard.optin.json_text import append, children, remove_child, skip_space

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(st.text(min_size=1, max_size=4), VALUES, min_size=1, max_size=4)
LAYOUTS = st.sampled_from([None, 1, 2, 4, "\t"])


def test_children_are_found_with_their_places() -> None:
    text = ' {"a" : [1, {"b":"}"}],\n "c,": null } '
    place = skip_space(text, 0)
    found = children(text, place)
    assert [(child.key, text[child.value_start : child.end]) for child in found] == [
        ("a", '[1, {"b":"}"}]'),
        ("c,", "null"),
    ]
    assert [text[child.start : child.end] for child in children(text, found[0].value_start)] == ["1", '{"b":"}"}']


@given(DOCUMENTS, VALUES, LAYOUTS, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\n"]))
def test_appending_changes_nothing_else_and_is_undone_byte_for_byte(
    document: dict[str, object], value: object, indent: int | str | None, newline: str, end: str
) -> None:
    text = json.dumps(document, indent=indent).replace("\n", newline) + end
    changed = append(text, 0, value, "new key")
    assert json.loads(changed) == document | {"new key": value}
    assert list(json.loads(changed))[-1] == "new key"
    assert remove_child(changed, 0, len(document)) == text
    if indent is not None:
        expected = json.dumps(document | {"new key": value}, indent=indent, ensure_ascii=False)
        inserted = changed[len(text.rstrip().removesuffix("}").rstrip()) :]
        assert expected.replace("\n", newline).endswith(inserted.removesuffix(end))


@given(DOCUMENTS, st.data())
def test_any_child_can_be_removed(document: dict[str, object], data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(document) - 1))
    expected = {key: value for at, (key, value) in enumerate(document.items()) if at != number}
    for indent in (None, 2):
        assert json.loads(remove_child(json.dumps(document, indent=indent), 0, number)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", '{\n  "k": 1\n}'),
        ("{ }\n", '{\n  "k": 1\n}\n'),
        ('{"a":1}', '{"a":1,"k":1}'),
        ('{"a": 1}', '{"a": 1, "k": 1}'),
        ('{\n\t"a": 1\n}', '{\n\t"a": 1,\n\t"k": 1\n}'),
        ('{\r\n    "a": 1\r\n}\r\n', '{\r\n    "a": 1,\r\n    "k": 1\r\n}\r\n'),
        ('{\n"a":1\n}', '{\n"a":1,\n"k":1\n}'),
    ],
)
def test_a_new_member_is_laid_out_as_its_siblings_are(text: str, expected: str) -> None:
    assert append(text, 0, 1, "k") == expected


def test_an_empty_list_deep_inside_is_filled_with_the_right_indentation() -> None:
    text = json.dumps({"a": {"b": []}}, indent=4)
    place = text.index("[")
    assert append(text, place, {"c": 1}) == json.dumps({"a": {"b": [{"c": 1}]}}, indent=4)
