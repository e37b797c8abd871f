"""What memguard's pytest plugin makes its fixtures of: plain functions, so that nothing is imported before one is used.

memguard_events         events()
memguard_host           host(folder)
memguard_clock          clock()
memguard_leaky_client   leaky_client(folder), a context manager
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from memguard.testing.events import EventFactory
    from memguard.testing.fake_clock import FakeClock
    from memguard.testing.fake_host import FakeHost
    from memguard.testing.leaky_client import LeakyClient


def events() -> EventFactory:
    """A session that makes the events of Claude Code."""
    from memguard.testing.events import EventFactory

    return EventFactory()


def host(folder: str | os.PathLike[str]) -> FakeHost:
    """A host without processes, in the folder `proc` below `folder`, such as pytest's `tmp_path`."""
    from memguard.testing.fake_host import FakeHost

    return FakeHost(f"{folder}/proc")


def clock() -> FakeClock:
    """A clock that stands still until it is told to go on."""
    from memguard.testing.fake_clock import FakeClock

    return FakeClock()


@contextmanager
def leaky_client(folder: str | os.PathLike[str]) -> Iterator[LeakyClient]:
    """A leaky client with home and project below `folder`; what it started is ended at the end."""
    from memguard.testing.leaky_client import LeakyClient

    client = LeakyClient(folder)
    try:
        yield client
    finally:
        client.end()
