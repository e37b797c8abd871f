"""What is said of the conversation that was, or was not, taken up again."""

from __future__ import annotations

from typing import Any

import pytest

from memguard.handoff.continuing import sentences, why_new
from memguard.handoff.facts import Facts

MB = 1024 * 1024
PREDICTED = {"transcript_bytes": 60 * MB, "predicted_bytes": 670 * MB, "predicted_limit": "critical"}


def _facts(source: str, **values: Any) -> Facts:
    facts = Facts(values)
    facts.began_as(source)
    return facts


def test_of_an_ordinary_resume_there_is_nothing_to_say() -> None:
    facts = _facts("resume", strategy="resume", predicted_bytes=200 * MB, predicted_limit="", torn_bytes=0)
    assert (sentences(facts), why_new(facts)) == ([], "")


def test_a_torn_line_is_said_where_the_conversation_was_resumed_without_it() -> None:
    (said,) = sentences(_facts("resume", strategy="resume", torn_bytes=77))
    assert said == "The last line of the conversation was torn (77 B) and set aside: it is not part of it any more."


def test_a_prediction_is_said_with_its_limit() -> None:
    facts = _facts("startup", strategy="fresh", predicted_limit_bytes=400 * MB, **PREDICTED)
    (said,) = sentences(facts)
    assert said == (
        "Resuming the earlier conversation (60 MB) was predicted to hold 670 MB; the critical limit is 400 MB."
    )
    assert why_new(facts) == ", since resuming the one before would take 670 MB"
    facts = _facts(
        "startup", strategy="fresh", predicted_limit_bytes=400 * MB, **{**PREDICTED, "predicted_limit": "host"}
    )
    assert sentences(facts)[0].endswith("; the host has 400 MB left.")


def test_a_new_session_for_another_reason_names_no_prediction() -> None:
    facts = _facts("startup", strategy="fresh", predicted_bytes=200 * MB, predicted_limit="")
    assert (sentences(facts), why_new(facts)) == ([], "")


def test_a_client_that_refused_is_named_and_nothing_is_set_aside_any_more() -> None:
    facts = _facts("startup", strategy="resume", torn_bytes=77)
    assert (facts.strategy, facts.is_refused) == ("fresh", True)
    assert sentences(facts) == ["The client refused to resume the earlier conversation, whose file is as it was."]
    assert why_new(facts) == ", since the client refused to resume the one before"


@pytest.mark.parametrize("strategy", ["fresh", "rerun", ""])
def test_a_new_session_that_was_meant_to_be_one_refused_nothing(strategy: str) -> None:
    assert not _facts("startup", strategy=strategy).is_refused


@pytest.mark.parametrize("limit", [7, None, "\x1b[2J", "warning", ["critical"]])
def test_what_memguard_did_not_write_is_not_said(limit: object) -> None:
    facts = _facts("startup", strategy="fresh", predicted_limit=limit, torn_bytes="many", predicted_bytes=-1)
    assert (sentences(facts), why_new(facts)) == ([], "")
