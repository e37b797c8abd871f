"""The section at the end of the terminal's output: short, and what to do next."""

import os
import shlex
from collections.abc import Callable, Iterator

from memguard.core.units import format_size
from memguard.test_run import STOPPED_EXIT_CODE
from memguard.test_run.account import Account, Crash, Group

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.test_run.verdict import Verdict

_NAMED = 5
# A slope below this is an allocator at work.
_FLAT_BYTES = 1024 * 1024
# A test that added this share of all that was held is what to look at, whatever others left.
_MOST = 0.5


def shown_from(folder: str, root: str) -> Callable[[str], str]:
    """How a test's name, which begins at pytest's `root`, is typed by who is in `folder`."""

    def shown(test: str) -> str:
        path, colons, rest = test.partition("::")
        full = os.path.join(root, path)
        return f"{os.path.relpath(full, folder)}{colons}{rest}" if path and os.path.exists(full) else test

    return str if folder == root else shown


def summary_lines(account: Account, shown: Callable[[str], str] = str) -> Iterator[str]:
    """The section, line by line; the first line says what matters most. `shown`: a test's name as it is to be said."""
    if account.stopped:
        yield from _stopped(account, account.stopped, shown)
    for verdict in account.over:
        yield f"over its limit: {shown(verdict.test)} added {format_size(verdict.growth_bytes)} of {_limit(verdict)}"
    for crash in account.crashes:
        yield f"a worker was lost in {shown(crash.test) or 'no test'}: {held_by(crash)}"
    yield _peak(account, shown)
    groups = account.groups()
    if groups:
        yield "grew most and never gave it back:"
        for group in groups[:_NAMED]:
            yield _kept(group, shown)
        yield from _rest(groups[_NAMED:])
    else:
        yield "no test kept 1 MB or more"
    yield from _growth(account)
    yield from _advice(account, groups, shown)


def _stopped(account: Account, verdict: "Verdict", shown: Callable[[str], str]) -> Iterator[str]:
    from memguard.test_run.verdict import headline, largest_of

    yield f"STOPPED (exit code {STOPPED_EXIT_CODE}): {headline(verdict)} ({account.asked.origin})"
    yield _when(account, verdict, shown)
    yield from largest_of(verdict)


def _when(account: Account, verdict: "Verdict", shown: Callable[[str], str]) -> str:
    where = f" in {verdict.worker}" if verdict.worker else ""
    last = account.ledger.last(verdict.worker)
    if verdict.test:
        doing = "importing" if verdict.phase == "collection" else "running"
        return f"while {doing} {shown(verdict.test)}{where}, which had added {format_size(verdict.growth_bytes)}"
    if last:
        added = format_size(last.end_bytes - last.start_bytes)
        return f"right after {shown(last.test)}{where}, which had added {added}"
    return f"before the end of the first test{where}"


def _limit(verdict: "Verdict") -> str:
    return format_size(verdict.limit_bytes)


def held_by(crash: Crash) -> str:
    """What is known of the memory of a worker that is gone."""
    if not crash.held_bytes:
        return f"{crash.worker} was gone before its first test had ended"
    return f"{crash.worker} held {format_size(crash.held_bytes)} before this test"


def _peak(account: Account, shown: Callable[[str], str]) -> str:
    limit = f" (limit {format_size(account.asked.limit_bytes)})" if account.asked.limit_bytes else ""
    highest = account.ledger.highest()
    if highest is None:
        return f"peak {format_size(account.peak_bytes)}{limit}"
    within = f": {format_size(highest.peak_bytes)} of it in {highest.worker}" if highest.worker else ""
    return f"peak {format_size(account.peak_bytes)}{limit}, highest in {shown(highest.test)}{within}"


def _kept(group: Group, shown: Callable[[str], str]) -> str:
    size = f"{'+' + format_size(group.kept_bytes):>10}"
    if group.cases == 1:
        return f"{size}  {shown(group.name)}"
    case = group.most.test.removeprefix(group.name)
    return f"{size}  {shown(group.name)} ({group.cases} cases, most {format_size(group.most.kept_bytes)} by {case})"


def _rest(groups: list[Group]) -> Iterator[str]:
    if groups:
        size = format_size(sum(group.kept_bytes for group in groups))
        yield f"{'+' + size:>10}  {len(groups)} more"


def _growth(account: Account) -> Iterator[str]:
    slope = account.ledger.growth_per_hundred_bytes()
    if slope is None:
        return
    if abs(slope) < _FLAT_BYTES:
        yield f"growth per hundred tests: none to speak of, over {len(account.ledger)} tests"
    else:
        yield f"growth per hundred tests: {format_size(slope)}, over {len(account.ledger)} tests"


def _advice(account: Account, groups: list[Group], shown: Callable[[str], str]) -> Iterator[str]:
    """What to do about a run that was stopped: another thing for one large test, for leaks, and for neither."""
    verdict = account.stopped
    if verdict is None:
        return
    if verdict.test and verdict.growth_bytes > _MOST * verdict.size_bytes:
        yield "next: that test by itself takes most of it: give it less data, or raise the limit"
    elif groups:
        yield f"next: pytest {shlex.quote(shown(groups[0].name))} --memguard"
        yield "      runs the first of them alone; look for what outlives a test: a module's variable,"
        yield "      a cache, a fixture of wider scope, a process that goes on"
    else:
        yield "next: nothing leaks, so much is needed at once: use fewer workers, or raise the limit"
