"""The suite for summarisers: one that is as it should be passes, and whatever is wrong with one is found."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from memguard.testing.contracts import SummariserContract
from tests.installation import Installation

pytest_plugins = ["pytester"]
CODE = """
def summarise(facts):
    requests = facts["conversation"].get("requests") or [{"text": "nothing"}]
    return f"{facts['restart']['reason']}: {requests[-1]['text']}"[:4000]
"""


def summarise(facts: dict[str, Any]) -> str:
    """The same, as it is imported."""
    scope: dict[str, Any] = {}
    exec(CODE, scope)  # noqa: S102
    return str(scope["summarise"](facts))


class TestInstalled(SummariserContract):
    """One that an installer has put where memguard is."""

    name: ClassVar[str] = "brief"

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _installed(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        made = Installation(tmp_path_factory.mktemp("environment"))
        made.install(CODE)
        cls.python = made.python

    def summarise(self, facts: dict[str, Any]) -> str:
        return summarise(facts)


FAULTS = {
    "return 7": "it answers with a text",
    "return 'x' * 4001": "memguard cuts it at 4000 characters",
    "return facts['conversation']['requests'][0]['text']": "IndexError",
    "return facts['conversation']['more']": "KeyError",
    "return '\\ud800'": "UnicodeEncodeError",
    "import time; time.sleep(0.4); return 'late'": "memguard ends it after 0 s",
    "return 'write the parser'": "assert 'write the parser' not in",
}


def test_what_is_wrong_is_named(pytester: pytest.Pytester) -> None:
    """Each for itself, with a time limit that the test can wait for."""
    classes = [
        f"class Test{n}(SummariserContract):\n    def summarise(self, facts):\n        {body}\n"
        for n, body in enumerate(FAULTS)
    ]
    head = "from memguard.testing.contracts import SummariserContract, summariser\nsummariser.TIME_LIMIT_S = 0.3\n"
    pytester.makepyfile(test_broken=head + "".join(classes))
    result = pytester.runpytest_subprocess("-q", "-rf", "-p", "no:memguard")
    failures = [line for line in result.stdout.lines if line.startswith("FAILED")]
    for n, words in enumerate(FAULTS.values()):
        assert any(f"Test{n}::" in line and words in result.stdout.str() for line in failures), words


@pytest.mark.parametrize("name", ["nobody-installed-this", ""])
def test_a_name_that_is_not_installed_is_said_and_without_one_that_test_is_left_out(
    pytester: pytest.Pytester, name: str
) -> None:
    pytester.makepyfile(
        test_named=f"""
        from memguard.testing.contracts import SummariserContract

        class TestNamed(SummariserContract):
            name = {name!r}
            def summarise(self, facts):
                return "a text"
        """
    )
    result = pytester.runpytest_subprocess("-q", "-rs", "-p", "no:memguard")
    outcomes = result.parseoutcomes()
    assert outcomes["passed"] == 6
    assert outcomes.get("failed" if name else "skipped") == 1
    result.stdout.fnmatch_lines(["*none installed under this name*" if name else "*no name of an entry point*"])
