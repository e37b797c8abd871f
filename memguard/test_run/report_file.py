"""The JSON report (`--memguard-report FILE`): written when the run begins and when it ends, whole each time.

What it holds is in docs/pytest.md. A run that is killed leaves the first, whose `outcome` is "unfinished".
"""

import json
import os
from typing import Any

import memguard
from memguard.test_run.account import Account
from memguard.test_run.ledger import Kept
from memguard.test_run.verdict import Verdict

_FORMAT = 1
UNFINISHED, FINISHED, STOPPED = "unfinished", "finished", "stopped"


def document(account: Account, *, is_over: bool = True) -> dict[str, Any]:
    """The report's content: sizes in bytes, names as pytest has them; `is_over`: the run has ended."""
    outcome = STOPPED if account.stopped else FINISHED
    return {
        "format": _FORMAT,
        "memguard": memguard.__version__,
        "outcome": outcome if is_over else UNFINISHED,
        "limit_bytes": account.asked.limit_bytes,
        "limit_from": account.asked.origin,
        "peak_bytes": account.peak_bytes,
        "growth_per_hundred_tests_bytes": _whole(account.ledger.growth_per_hundred_bytes()),
        "stopped": _verdict(account.stopped) if account.stopped else None,
        "over_limit": [_verdict(verdict) for verdict in account.over],
        "kept": [kept.to_plain() for kept in account.ledger.kept()],
        "crashed_workers": [crash.to_plain() for crash in account.crashes],
        "tests": [_test(test) for test in account.ledger.tests()],
    }


def write_report(path: str, content: dict[str, Any]) -> None:
    """Write it so that a reader sees the old file or the new one; missing folders are made. Raises OSError.

    What is no file (`/dev/null`, a pipe) is written to as it is, when the run is over: never replaced. So is this
    process's own output (`/dev/stdout`), whatever it is.
    """
    descriptor = _own_output(path)
    if descriptor is not None or (os.path.exists(path) and not os.path.isfile(path)):
        if content["outcome"] != UNFINISHED:
            if descriptor is None:
                _write(path, content)
            else:
                os.write(descriptor, b"\n")  # pytest has begun a line of dots
                _write(os.dup(descriptor), content)
        return
    path = os.path.realpath(path)  # of what is no file, it may be a name that can't be opened: `/proc/7/fd/pipe:[8]`
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}.part"
    try:
        _write(temporary, content)
        os.replace(temporary, path)
    except OSError:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def _own_output(path: str) -> int | None:
    """The descriptor of stdout or stderr where `path` leads there.

    To open a file anew that both write to is to overwrite each other, and a socket can't be opened at all.
    """
    for descriptor in (1, 2):
        try:
            if os.path.samestat(os.stat(path), os.fstat(descriptor)):
                return descriptor
        except OSError:  # no such file, or this one is closed
            continue
    return None


def _write(path: str | int, content: dict[str, Any]) -> None:
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.write("\n")


def _verdict(verdict: Verdict) -> dict[str, Any]:
    plain = verdict.to_plain()
    del plain["is_run"]
    return plain


def _test(kept: Kept) -> dict[str, Any]:
    fields = kept.to_plain()
    del fields["kept_bytes"]  # they are in `kept`, where they are worth a word
    return fields


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
