"""memguard's entries go in beside everything else, and out again without touching it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memguard.core.errors import ClientError
from memguard.optin.events import EVENTS, Installation, exec_entry, wanted_entries
from memguard.optin.merge import is_complete, own_entries, parse_settings, with_entries, without_entries

OLD = Installation("/old/python", "/old/claude_hooks", "/state")
NEW = Installation("/new/python", "/new/claude_hooks", "/state")
LOCAL, SHARED = wanted_entries("local", NEW), wanted_entries("project", NEW)

RICH = """{
    "permissions": {"allow": ["Bash(ls:*)", "Read"], "deny": []},
    "env": {"TOKEN": "caf\\u00e9", "N": "1.50"},
    "hooks": {
        "Stop": [{"hooks": [{"type": "command", "command": "say done"}]}],
        "PreToolUse": [
            {
                "matcher": "Bash",
                "hooks": [
                    {"type": "command", "command": "./check.sh /claude_hooks/stop.py"}
                ]
            }
        ],
        "Notification": [ ]
    },
    "model": "opus"   }"""

TEXTS = [
    "{}",
    "{}\n",
    '{"permissions":{"allow":["Read"]}}',
    '{"hooks":{"Stop":[{"hooks":[{"type":"command","command":"x"}]}]},"model":"opus"}\n',
    RICH,
    RICH.replace("    ", "\t"),
    RICH.replace("\n", "\r\n"),
    RICH + "\n\n",
]


@pytest.mark.parametrize("wanted", [LOCAL, SHARED], ids=["local", "shared"])
@pytest.mark.parametrize("text", TEXTS)
def test_in_keeps_all_that_is_there_and_out_gives_it_back(
    text: str, wanted: dict[str, tuple[str, dict[str, object]]]
) -> None:
    merged = with_entries(text, wanted)
    before, after = json.loads(text), json.loads(merged)
    assert is_complete(after, wanted)
    assert [key for key in after if key in before] == list(before)
    assert {key: value for key, value in after.items() if key != "hooks"} == {
        key: value for key, value in before.items() if key != "hooks"
    }
    for event, groups in before.get("hooks", {}).items():
        assert after["hooks"][event][: len(groups)] == groups
    assert with_entries(merged, wanted) == merged
    restored = without_entries(merged)
    assert restored == (text if json.loads(text) else text.replace("{ }", "{}"))


@pytest.mark.parametrize("text", TEXTS)
def test_an_older_installation_is_replaced_not_added_to(text: str) -> None:
    merged = with_entries(with_entries(text, wanted_entries("local", OLD)), LOCAL)
    assert is_complete(json.loads(merged), LOCAL)
    assert "/old/" not in merged
    assert without_entries(merged) == text


def test_a_lost_entry_and_a_doubled_one_are_put_right() -> None:
    merged = json.loads(with_entries(RICH, LOCAL))
    merged["hooks"]["Stop"].append(merged["hooks"].pop("SessionEnd")[0])
    assert not is_complete(merged, LOCAL)
    assert is_complete(json.loads(with_entries(json.dumps(merged, indent=2), LOCAL)), LOCAL)


def test_a_hook_that_the_person_put_into_memguards_group_stays() -> None:
    merged = json.loads(with_entries("{}", LOCAL))
    mine = {"type": "command", "command": "mine"}
    merged["hooks"]["PreToolUse"][0]["hooks"].insert(0, mine)
    assert json.loads(without_entries(json.dumps(merged))) == {
        "hooks": {"PreToolUse": [{"matcher": "*", "hooks": [mine]}]}
    }


def test_an_entry_under_another_event_goes_too() -> None:
    text = json.dumps({"hooks": {"Notification": [{"hooks": [exec_entry(EVENTS[0], OLD)]}]}, "a": 1})
    assert json.loads(without_entries(text)) == {"a": 1}
    assert own_entries(json.loads(text)) == [("Notification", "", exec_entry(EVENTS[0], OLD))]


GROUPS = st.lists(
    st.fixed_dictionaries(
        {
            "hooks": st.lists(
                st.fixed_dictionaries({"type": st.just("command"), "command": st.text(max_size=6)}), max_size=2
            )
        },
        optional={"matcher": st.sampled_from(["*", "Bash", ""])},
    ),
    min_size=1,
    max_size=2,
)
SETTINGS = st.fixed_dictionaries(
    {"before": st.integers()},
    optional={
        "hooks": st.dictionaries(
            st.sampled_from([event.name for event in EVENTS] + ["Notification"]), GROUPS, min_size=1, max_size=4
        ),
        "after": st.lists(st.text(max_size=3), max_size=2),
    },
)


@given(SETTINGS, st.sampled_from([None, 2, 4, "\t"]))
def test_out_after_in_is_the_same_file_byte_for_byte(settings: dict[str, object], indent: int | str | None) -> None:
    text = json.dumps(settings, indent=indent)
    merged = with_entries(text, LOCAL)
    assert is_complete(json.loads(merged), LOCAL)
    assert without_entries(merged) == text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON: .* in line 1"),
        (b'{"a": 1,}\n', "is not JSON"),
        (b"// comment\n{}", "is not JSON"),
        (b"[]", "holds no JSON object"),
        (b"null", "holds no JSON object"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"a": "\xff"}', "is not UTF-8"),
        (b'{"hooks": []}', "`hooks` is not an object"),
        (b'{"hooks": {"Stop": {}}}', "`hooks.Stop` is not a list of hooks"),
        (b'{"hooks": {"Stop": ["x"]}}', "`hooks.Stop` is not a list of hooks"),
        (b'{"hooks": {"Stop": [{"hooks": "x"}]}}', "`hooks.Stop` is not a list of hooks"),
        (b'{"hooks": {}, "hooks": {}}', "names a key twice"),
        (b'{"hooks": {"Stop": [], "Stop": []}}', "names a key twice"),
        (b"[" * 100000, "is not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON"),
    ],
)
def test_what_cannot_be_merged_into_is_refused_in_one_line(data: bytes, words: str) -> None:
    with pytest.raises(ClientError, match=words) as caught:
        parse_settings(data, "settings.json")
    assert caught.value.what.startswith("settings.json")
    assert caught.value.what.isprintable()
