"""The person's prompt over several restarts: given once."""

from memguard.core.identity import ProcessId
from memguard.core.ticket import FRESH, RERUN, RESUME, Ticket
from memguard.launcher.succession import Succession

CLIENT = ProcessId(42, 4711, "boot", "ns")


def _ticket(strategy: str, is_prompt_given: bool, is_interrupted: bool = False) -> Ticket:
    ticket = Ticket("ab", CLIENT, "" if strategy == RERUN else "s1", strategy)
    ticket.is_prompt_given = is_prompt_given
    ticket.is_interrupted = is_interrupted
    return ticket


def test_a_client_that_was_only_resumed_is_followed_by_one_without_the_prompt() -> None:
    succession = Succession(["do it"], {})
    assert succession.next(_ticket(RESUME, is_prompt_given=True)).words == ["--resume", "s1"]
    second = succession.next(_ticket(RESUME, is_prompt_given=False))
    assert (second.words, second.takes_input) == (["--resume", "s1"], False)
    assert succession.next(_ticket(FRESH, is_prompt_given=False)).words == []


def test_a_prompt_that_was_given_beside_a_resume_is_not_given_again() -> None:
    succession = Succession(["do it"], {})
    assert succession.next(_ticket(RESUME, is_prompt_given=False)).words == ["--resume", "s1", "--", "do it"]
    assert succession.next(_ticket(RESUME, is_prompt_given=False)).words == ["--resume", "s1"]


def test_a_rerun_gives_it_as_long_as_no_client_took_it_in() -> None:
    succession = Succession(["do it"], {})
    assert succession.next(_ticket(RERUN, is_prompt_given=False)).words == ["--", "do it"]
    last = succession.next(_ticket(RERUN, is_prompt_given=True))
    assert (last.words, last.takes_input) == (["--", "do it"], True)
    assert succession.next(_ticket(RERUN, is_prompt_given=True)).words == []


def test_a_rerun_of_a_resumed_client_is_its_session_again_not_the_persons_first_command_line() -> None:
    succession = Succession(["-c", "--verbose", "do it"], {})
    succession.next(_ticket(RESUME, is_prompt_given=True, is_interrupted=True))
    again = succession.next(_ticket(RERUN, is_prompt_given=False))
    assert again.words == ["--verbose", "--resume", "s1"]
    assert again.environment["CLAUDE_CODE_RESUME_INTERRUPTED_TURN"] == "1"
