"""The client's flags: what a relaunch replays, replaces, or can't do."""

import pytest

from memguard.core.identity import ProcessId
from memguard.core.ticket import FRESH, RERUN, RESUME, Ticket
from memguard.launcher.flags import obstacle, parse, relaunch_words

CLIENT = ProcessId(42, 4711, "boot", "ns")


def _relaunched(words: list[str], strategy: str = RESUME, mode: str = "", **state: bool) -> list[str]:
    ticket = Ticket("ab", CLIENT, "s1", strategy)
    ticket.permission_mode = mode
    for name, value in state.items():
        setattr(ticket, name, value)
    gives_prompt = strategy == RERUN or not ticket.is_prompt_given
    return relaunch_words(parse(words), ticket, gives_prompt)


def test_flags_are_replayed_and_the_prompt_is_not_given_twice() -> None:
    words = ["--model", "opus", "--add-dir", "a", "b", "--verbose", "fix it"]
    assert _relaunched(words) == ["--model", "opus", "--add-dir", "a", "b", "--verbose", "--resume", "s1"]


def test_a_prompt_that_the_client_never_took_in_is_given_again() -> None:
    words = ["--resume", "old", "fix it"]
    assert _relaunched(words, is_prompt_given=False) == ["--resume", "s1", "--", "fix it"]


@pytest.mark.parametrize(
    "words",
    [
        ["-c"],
        ["--continue"],
        ["-r"],
        ["-r", "old"],
        ["--resume=old"],
        ["--session-id", "x"],
        ["--resume", "old", "--fork-session"],
        ["--from-pr", "12"],
        ["--worktree", "w"],
        ["-w"],
        ["--prefill", "draft"],
    ],
)
def test_what_chose_the_session_is_replaced_by_the_sessions_id(words: list[str]) -> None:
    assert _relaunched([*words, "--verbose"]) == ["--verbose", "--resume", "s1"]


def test_many_words_end_at_the_next_flag_and_do_not_swallow_a_prompt_behind_two_dashes() -> None:
    words = ["--allowedTools", "Bash", "Edit", "--verbose", "--", "-p is a flag"]
    assert _relaunched(words, is_prompt_given=False) == [
        "--allowedTools", "Bash", "Edit", "--verbose", "--resume", "s1", "--", "-p is a flag",
    ]  # fmt: skip


def test_short_flags_may_be_joined() -> None:
    assert _relaunched(["-cn", "a name", "--model=opus"]) == ["-n", "a name", "--model", "opus", "--resume", "s1"]


def test_print_mode_is_given_a_prompt_since_it_resumes_nothing_without_one() -> None:
    words = _relaunched(["-p", "--output-format", "json", "fix it"], is_interrupted=True)
    assert words[:6] == ["-p", "--output-format", "json", "--resume", "s1", "--"]
    assert "fix it" not in words


def test_the_last_reported_mode_is_replayed() -> None:
    assert _relaunched(["--permission-mode", "plan"], mode="acceptEdits") == [
        "--permission-mode", "acceptEdits", "--resume", "s1",
    ]  # fmt: skip


def test_bypass_is_dropped_when_the_session_had_left_it() -> None:
    words = ["--dangerously-skip-permissions", "--allow-dangerously-skip-permissions"]
    assert _relaunched(words, mode="default") == ["--permission-mode", "default", "--resume", "s1"]


def test_bypass_is_kept_while_it_was_on() -> None:
    assert _relaunched(["--dangerously-skip-permissions"], mode="bypassPermissions") == [
        "--dangerously-skip-permissions", "--permission-mode", "bypassPermissions", "--resume", "s1",
    ]  # fmt: skip


def test_bypass_that_was_not_given_at_launch_is_never_given_by_a_ticket() -> None:
    assert _relaunched([], mode="bypassPermissions") == ["--permission-mode", "default", "--resume", "s1"]


def test_without_a_conversation_the_same_command_line_is_run_again() -> None:
    words = ["--session-id", "x", "--model", "opus", "fix it"]
    assert _relaunched(words, RERUN, mode="plan") == [
        "--session-id", "x", "--model", "opus", "--permission-mode", "plan", "--", "fix it",
    ]  # fmt: skip


def test_a_fresh_session_is_told_to_carry_on_only_when_it_was_cut_off() -> None:
    assert _relaunched(["fix it"], FRESH) == []
    assert _relaunched(["fix it"], FRESH, is_interrupted=True)[0] == "--"


@pytest.mark.parametrize(
    "words",
    [
        ["-p", "--no-session-persistence", "x"],
        ["-p", "--input-format", "stream-json"],
        ["-p", "--input-format=stream-json"],
        ["mcp", "list"],
        ["--verbose", "update"],
        ["--bg", "x"],
        ["--version"],
        ["--tmux", "--worktree"],
        ["--from-next-year", "word or prompt"],
    ],
)
def test_what_can_not_be_taken_up_again_is_an_obstacle(words: list[str]) -> None:
    assert obstacle(words)


@pytest.mark.parametrize(
    "words",
    [
        ["--from-next-year", "word", "fix it"],
        [],
        ["fix the mcp server"],
        ["--input-format", "text", "-p"],
        ["-n", "mcp"],
    ],
)
def test_ordinary_sessions_have_none(words: list[str]) -> None:
    assert obstacle(words) == ""


def test_a_flag_that_is_not_known_keeps_the_word_behind_it() -> None:
    assert _relaunched(["--from-next-year", "word", "fix it"]) == ["--from-next-year", "word", "--resume", "s1"]
