"""What a run's end says, of accounts that no real run would show in every shape."""

from __future__ import annotations

import json
from pathlib import Path

from memguard.test_run.account import Account
from memguard.test_run.asked import PERSON, SESSION, Asked
from memguard.test_run.excess import ProcessSize
from memguard.test_run.junit import properties
from memguard.test_run.report_file import document
from memguard.test_run.summary import shown_from, summary_lines
from memguard.test_run.verdict import Verdict, explained

MB = 1024 * 1024
RUN = Verdict("", "", True, 310 * MB, 300 * MB, 310 * MB, (ProcessSize(7, "python", 280 * MB),), True)  # noqa: FBT003
OWN = Verdict("a.py::test_x", "call", False, 90 * MB, 50 * MB, 60 * MB, (), False)  # noqa: FBT003


def _account(by: str = PERSON, limit_bytes: int = 300 * MB) -> Account:
    account = Account(Asked(by, limit_bytes, "--memguard-limit"))
    account.see(40 * MB)
    return account


def _summary(account: Account) -> str:
    return "\n".join(summary_lines(account))


def test_what_a_worker_says_completes_what_the_controller_knows() -> None:
    account = _account()
    account.add_verdict(RUN)
    account.name_worker("gw1")
    account.add_verdict(
        RUN._replace(test="a.py::test_x", phase="call", worker="gw1", growth_bytes=22 * MB, size_bytes=1)
    )
    account.add_verdict(RUN._replace(test="a.py::test_later", worker="gw0"))
    assert account.stopped is not None
    assert account.stopped.size_bytes == 310 * MB
    assert "while running a.py::test_x in gw1, which had added 22 MB" in _summary(account)


def test_a_run_that_is_stopped_where_no_test_can_be_named_says_so() -> None:
    account = _account()
    account.add_verdict(RUN)
    assert "before the end of the first test" in _summary(account)
    account.ledger.add("a.py::test_x", 20 * MB, 60 * MB, 60 * MB)
    assert "right after a.py::test_x, which had added 40 MB" in _summary(account)
    assert "next: pytest a.py::test_x --memguard\n" in _summary(account)


def test_a_session_that_nobody_asked_hears_of_what_is_notable_alone() -> None:
    account = _account(SESSION)
    account.ledger.add("a.py::test_x", 20 * MB, 60 * MB, 60 * MB)
    assert not account.is_notable()
    account.see(250 * MB)  # near its limit
    assert account.is_notable()
    grown = _account(SESSION, limit_bytes=0)
    grown.ledger.add("a.py::test_x", 20 * MB, 90 * MB, 90 * MB)
    assert grown.is_notable()
    crashed = _account(SESSION, limit_bytes=0)
    crashed.add_crash("gw0")
    assert crashed.is_notable()


def test_many_leaks_are_five_lines_and_one_for_the_rest() -> None:
    account = _account()
    for number in range(8):
        account.ledger.add(f"a.py::test_{number}", (20 + 10 * number) * MB, (30 + 10 * number) * MB, 99 * MB)
    lines = [line for line in summary_lines(account) if line.lstrip().startswith("+")]
    assert len(lines) == 6
    assert lines[-1].split() == ["+30", "MB", "3", "more"]


def test_a_worker_lost_in_its_first_test() -> None:
    account = _account()
    account.add_crash("gw0")
    account.name_crash("gw0", "a.py::test_x")
    assert "a worker was lost in a.py::test_x: gw0 was gone before its first test had ended" in _summary(account)


def test_what_to_do_next_follows_from_what_was_found() -> None:
    """One large test, leaks, or neither."""
    large = _account()
    large.add_verdict(RUN._replace(test="a.py::test_x", growth_bytes=200 * MB))
    assert "that test by itself takes most of it" in _summary(large)
    leaking = _account()
    leaking.ledger.add("a.py::test_x[1]", 20 * MB, 60 * MB, 60 * MB)
    leaking.ledger.add("a.py::test_x[2]", 60 * MB, 90 * MB, 90 * MB)
    leaking.add_verdict(RUN._replace(test="a.py::test_y", growth_bytes=20 * MB))
    assert "next: pytest a.py::test_x --memguard\n" in _summary(leaking)
    neither = _account()
    neither.add_verdict(RUN._replace(test="a.py::test_y", growth_bytes=20 * MB))
    assert "use fewer workers, or raise the limit" in _summary(neither)


def test_names_are_as_they_are_typed_where_pytest_was_started(tmp_path: Path) -> None:
    """Each of them, and for a shell only where a shell needs it; a name that is no file's is as pytest has it."""
    (tmp_path / "sub").mkdir()
    for name in ("sub/a.py", "it's.py"):
        (tmp_path / name).write_text("")
    account = _account()
    account.ledger.add("it's.py::test_x", 20 * MB, 60 * MB, 60 * MB)
    account.add_crash("gw0")
    account.name_crash("gw0", "sub/a.py::test_crash")
    account.add_verdict(OWN._replace(test="sub/a.py::test_own"))
    account.add_verdict(RUN._replace(test="gone.py::test_y", growth_bytes=20 * MB))
    lines = list(summary_lines(account, shown_from(f"{tmp_path}/sub", str(tmp_path))))
    said = "\n".join(lines)
    assert "over its limit: a.py::test_own " in said
    assert "a worker was lost in a.py::test_crash: " in said
    assert "while running gone.py::test_y, " in said
    assert "highest in ../it's.py::test_x" in said
    assert "    +40 MB  ../it's.py::test_x" in lines
    assert """next: pytest '../it'"'"'s.py::test_x' --memguard""" in lines
    assert shown_from(str(tmp_path), str(tmp_path))("sub/a.py::test_own") == "sub/a.py::test_own"


def test_a_worker_that_passes_the_limit_alone_is_told_from_the_whole_run() -> None:
    account = _account()
    account.add_verdict(RUN._replace(test="a.py::test_x", worker="gw1", is_alone=True))
    assert "gw1 alone held 310 MB, the limit of the whole test run is 300 MB" in _summary(account)


def test_figures_that_read_the_same_are_told_apart() -> None:
    verdict = OWN._replace(growth_bytes=50 * MB + 4096)
    assert explained(verdict).startswith("this test added a little over 50 MB, its limit is 50 MB\n")
    assert "(memory that processes share may count more than once)" in explained(verdict)


def test_the_cases_of_a_test_are_one_also_below_a_folder_that_is_named_like_a_case() -> None:
    account = _account()
    for case, size_mb in enumerate((20, 40, 45)):
        account.ledger.add(f"a[1].py::test_x[{case}]", size_mb * MB, (size_mb + 5) * MB, (size_mb + 5) * MB)
    account.ledger.add("a[1].py::test_y", 50 * MB, 90 * MB, 90 * MB)
    assert [(group.name, group.cases) for group in account.groups()] == [("a[1].py::test_y", 1), ("a[1].py::test_x", 3)]


def test_json_and_junit_say_the_same() -> None:
    account = _account()
    account.ledger.add("a.py::test_x[1]", 20 * MB, 60 * MB, 80 * MB)
    account.add_verdict(OWN)
    account.add_verdict(RUN._replace(test="a.py::test_x[1]"))
    report = json.loads(json.dumps(document(account)))
    assert report["tests"] == [
        {"test": "a.py::test_x[1]", "worker": "", "start_bytes": 20 * MB, "end_bytes": 60 * MB, "peak_bytes": 80 * MB}
    ]
    assert report["kept"][0]["kept_bytes"] == 40 * MB
    assert report["over_limit"][0]["test"] == "a.py::test_x"
    assert report["stopped"]["largest"] == [{"pid": 7, "name": "python", "size_bytes": 280 * MB}]
    assert properties(account) == [
        ("peak_bytes", 310 * MB),
        ("limit_bytes", 300 * MB),
        ("limit_from", "--memguard-limit"),
        ("kept.1", f"{40 * MB} a.py::test_x[1]"),
        ("over_limit", "a.py::test_x"),
        ("stopped_bytes", 310 * MB),
        ("stopped_in", "a.py::test_x[1]"),
    ]


def test_a_verdict_travels_whole() -> None:
    assert Verdict.from_plain(json.loads(json.dumps(RUN.to_plain()))) == RUN
