"""How controller and workers reach each other, also where the folder between them is spoilt."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from memguard.test_run.mailbox import Mailbox
from memguard.test_run.verdict import Verdict

VERDICT = Verdict("", "", True, 2, 1, 1, (), True)  # noqa: FBT003


@pytest.fixture
def controller() -> Iterator[Mailbox]:
    mailbox = Mailbox()
    yield mailbox
    mailbox.remove()


@pytest.mark.parametrize("name", ["gw0", "my-one", "my_two", "a/b", "stop", "..", ".hidden"])
def test_a_worker_may_have_any_name(controller: Mailbox, name: str) -> None:
    Mailbox(controller.folder).sign_in(name)
    ((found, who),) = controller.workers().items()
    assert (found, who.pid) == (name, os.getpid())
    controller.sign_out(name)
    assert controller.workers() == {}


def test_what_is_ordered_is_read_by_a_worker(controller: Mailbox) -> None:
    worker = Mailbox(controller.folder)
    assert not worker.is_stop_ordered()
    assert worker.stop_order() is None
    controller.order_stop(VERDICT, ["gw1"])
    assert worker.is_stop_ordered()
    assert worker.stop_order() == (VERDICT, ["gw1"])


def test_a_folder_that_a_test_removed_is_made_again(controller: Mailbox) -> None:
    Mailbox(controller.folder).sign_in("gw0")
    assert list(controller.workers()) == ["gw0"]
    shutil.rmtree(controller.folder)
    assert list(controller.workers()) == ["gw0"]
    controller.order_stop(VERDICT, ["gw0"])
    assert Mailbox(controller.folder).stop_order() == (VERDICT, ["gw0"])
    assert os.stat(controller.folder).st_mode & 0o777 == 0o700


def test_where_nothing_can_be_written_nobody_is_hurt(controller: Mailbox) -> None:
    shutil.rmtree(controller.folder)
    with open(controller.folder, "w", encoding="utf-8"):
        controller.order_stop(VERDICT, ["gw0"])
        Mailbox(controller.folder).sign_in("gw0")
        assert controller.workers() == {}
    os.unlink(controller.folder)
