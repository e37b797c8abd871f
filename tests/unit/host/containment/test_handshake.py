"""The word that a client may begin."""

from __future__ import annotations

import os
from pathlib import Path

from memguard.host.containment.handshake import PlacedFifo, say_placed


def test_it_is_heard_once_said_and_for_that_client_alone(tmp_path: Path) -> None:
    fifo = PlacedFifo(str(tmp_path))
    assert not fifo.has_come(3)
    say_placed(str(tmp_path), 2)
    assert not fifo.has_come(3)
    say_placed(str(tmp_path), 3)
    assert fifo.has_come(3)
    assert not fifo.has_come(33)
    fifo.close()


def test_with_nobody_to_hear_it_is_lost_and_nothing_waits(tmp_path: Path) -> None:
    say_placed(str(tmp_path), 0)
    os.mkfifo(tmp_path / "placed", 0o600)
    say_placed(str(tmp_path), 0)


def test_said_for_ever_it_neither_blocks_nor_grows(tmp_path: Path) -> None:
    fifo = PlacedFifo(str(tmp_path))
    for _ in range(20_000):
        say_placed(str(tmp_path), 7)
    for _ in range(50):
        fifo.has_come(8)
    say_placed(str(tmp_path), 8)
    assert fifo.has_come(8)
    fifo.close()
