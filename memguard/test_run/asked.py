"""What was asked of the plugin, by whom: options, the ini file, the guarded session that the run belongs to.

Its hooks are in `memguard.pytest_plugin`; this is called once, at the start of a run.
"""

import os
from collections.abc import Mapping

import pytest

from memguard.core.errors import UsageError
from memguard.core.units import format_size
from memguard.test_run.size import above_the_host, parse_limit

# memguard ends the call at its budget: the run stops itself before that. What it still takes while it stops (reports,
# tests of other workers that go on to their end) is the more the faster it grew: measured, 41 MB at 200 MB/s in two
# workers. A small budget must leave room for the tests, too.
_SHARE_OF_BUDGET = 0.1
_LEAST_RESERVE_BYTES = 64 * 1024 * 1024
_MOST_OF_BUDGET = 0.5


# Who asked, which is how much is said at the end: always a summary, one where it is worth a word, none.
PERSON, SESSION, MARKED = "person", "session", "marked"


class Asked:
    """`by` is PERSON, SESSION or MARKED; `limit_bytes` the run's limit, 0 for none, and `origin` where it is from.

    `caution` is a line for the header; `report_path` the absolute path of the JSON report, empty for none.
    """

    __slots__ = ("by", "caution", "limit_bytes", "origin", "report_path")

    def __init__(
        self, by: str, limit_bytes: int = 0, origin: str = "", caution: str = "", report_path: str = ""
    ) -> None:
        self.by = by
        self.limit_bytes = limit_bytes
        self.origin = origin
        self.caution = caution
        self.report_path = report_path


def asked_of(config: pytest.Config, environment: Mapping[str, str]) -> Asked | None:
    """What was asked; None where nobody asked. Raises pytest.UsageError, one line, for what can't be meant.

    `environment` is empty where nothing in it is of Claude Code.
    """
    limit_bytes, origin, caution = _typed(config)
    report_path = _report_path(config)
    is_typed = bool(limit_bytes or report_path or config.getoption("memguard"))
    session_bytes, session_origin, is_guarded = _session(environment)
    if not is_typed and not is_guarded:
        return None
    if session_bytes and (not limit_bytes or session_bytes < limit_bytes):
        limit_bytes, origin, caution = session_bytes, session_origin, ""
    return Asked(PERSON if is_typed else SESSION, limit_bytes, origin, caution, report_path)


def _typed(config: pytest.Config) -> tuple[int, str, str]:
    """The limit of the option or else of the ini file, whose it is, and a caution.

    An option above the host is refused. An ini file is for every host that the project is tested on, so there it is
    only said.
    """
    option, ini = config.getoption("memguard_limit"), config.getini("memguard_limit")
    if option is None and not ini:
        return 0, "", ""
    name, text = ("memguard_limit", str(ini)) if option is None else ("--memguard-limit", option)
    try:
        limit_bytes = parse_limit(text)
    except UsageError as error:
        raise pytest.UsageError(f"{name}: {error.what}: {error.next_step}") from None
    caution = above_the_host(limit_bytes)
    if caution and option is not None:
        raise pytest.UsageError(f"{name}: {caution}: write less")
    return limit_bytes, name, f"{name}: {caution}, so it won't be reached" if caution else ""


def _report_path(config: pytest.Config) -> str:
    path = config.getoption("memguard_report")
    if path is None:
        return ""
    path = os.path.join(config.invocation_params.dir, os.path.expanduser(path))
    if os.path.isdir(path) or not os.path.basename(path):
        raise pytest.UsageError(f"--memguard-report: {path} is a folder: write a file's name")
    return path


def _session(environment: Mapping[str, str]) -> tuple[int, str, bool]:
    """The limit that a guarded session sets, its origin, and whether there is such a session.

    None for a run that a test started: the run around it measures both, and what this one prints may be compared.
    """
    if not environment or "PYTEST_CURRENT_TEST" in environment:
        return 0, "", False
    from memguard.test_run.session_budget import session_budget

    budget = session_budget(environment)
    if not budget.budget_bytes:
        return 0, "", budget.is_guarded
    reserve_bytes = _reserve_bytes(budget.budget_bytes)
    origin = (
        f"{format_size(reserve_bytes)} below this call's {format_size(budget.budget_bytes)}, [tools] {budget.pattern}"
    )
    return budget.budget_bytes - reserve_bytes, origin, budget.is_guarded


def _reserve_bytes(budget_bytes: int) -> int:
    return int(min(max(_SHARE_OF_BUDGET * budget_bytes, _LEAST_RESERVE_BYTES), _MOST_OF_BUDGET * budget_bytes))
