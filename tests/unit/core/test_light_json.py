"""The light reader and writer do as `json` does."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memguard.core import light_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(VALUES)
def test_it_writes_and_reads_what_json_does(value: object) -> None:
    assert light_json.dumps(value) == json.dumps(value)
    compact = light_json.dumps(value, separators=(",", ":"))
    assert compact == json.dumps(value, separators=(",", ":"))
    assert light_json.dumps(value, sort_keys=True) == json.dumps(value, sort_keys=True)
    assert light_json.loads(compact) == light_json.loads(f" {compact}\n".encode()) == value


@given(st.text())
def test_it_refuses_what_json_refuses(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011  any of its kind, as callers catch it
            light_json.loads(text)
    else:
        assert light_json.loads(text) == expected or expected != expected  # noqa: PLR0124  NaN


@pytest.mark.parametrize("text", ["", " ", "{", '{"a":1', '{"a":1}}', "[1,]", '"\n"', "nul", '{"a" 1}', b"\xff"])
def test_what_is_torn_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        light_json.loads(text)


def test_what_is_nested_too_deeply_is_a_value_error() -> None:
    """As in a hostile transcript or registry entry: whoever reads those expects that."""
    with pytest.raises(ValueError, match="too deeply"):
        light_json.loads("[" * 100_000)


def test_what_is_torn_is_a_value_error_in_a_process_without_json_too() -> None:
    """As a watchdog is: the scanner of Python 3.11 finds no class for its error there."""
    code = """if True:
        import sys
        sys.path.insert(0, sys.argv[1])
        from memguard.core import light_json
        assert "json" not in sys.modules
        for text in sys.argv[2:]:
            try:
                light_json.loads(text)
            except ValueError:
                continue
            sys.exit(f"{text[:20]!r} was read")
    """
    torn = ["", "{", '{"a":1', "[1,]", '"torn', '{"a":"torn', '{"a" 1}', '{"a":"\\u12', "\1", "[" * 100_000]
    root = light_json.__file__.rpartition("/memguard/")[0]
    words = [sys.executable, "-I", "-S", "-c", code, root, *torn]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)


def test_what_has_no_form_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        light_json.dumps({"a": object()})


def test_neither_brings_json_re_or_enum_with_it() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import memguard.core.light_json, memguard.core.light_signal;"
    code += "print([n for n in ('json', 're', 'enum', 'signal') if n in sys.modules])"
    root = light_json.__file__.rpartition("/memguard/")[0]
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code, root], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
