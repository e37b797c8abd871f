"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.sandbox import Sandbox

if TYPE_CHECKING:
    from tests.guard_rig import GuardRig


def pytest_configure() -> None:
    """Programs that tests start inherit an ignored SIGINT, which a shell gives to what it starts in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A machine of the test's own; nothing of the real home is touched, nothing is left running."""
    sandbox = Sandbox(tmp_path)
    yield sandbox
    sandbox.clean_up()


@pytest.fixture
def opted_in(sandbox: Sandbox) -> Sandbox:
    """The same, after `memguard init`."""
    sandbox.memguard("init")
    return sandbox


@pytest.fixture
def make_rig(tmp_path: Path) -> Iterator[Callable[..., GuardRig]]:
    """Makes guarded sessions that this test watches itself; nothing is left running."""
    from tests.guard_rig import GuardRig

    rigs: list[GuardRig] = []

    def make(budgets: dict[str, int] | None = None, **settings: object) -> GuardRig:
        folder = tmp_path / f"rig-{len(rigs)}"
        folder.mkdir()
        rigs.append(GuardRig(folder, budgets, **settings))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()


@pytest.fixture
def rig(make_rig: Callable[..., GuardRig]) -> GuardRig:
    """One without budgets."""
    return make_rig()
