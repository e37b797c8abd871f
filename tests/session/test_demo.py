"""The demo, as the README's first block ends."""

from __future__ import annotations

import os
import time

from tests.sandbox import Sandbox


def test_the_demo_restarts_the_leaky_client_and_leaves_nothing(sandbox: Sandbox) -> None:
    begun_s, before = time.monotonic(), os.listdir(sandbox.home)
    shown = sandbox.memguard("demo").stdout
    assert "the client was restarted at" in shown
    assert "steps done: 1 2 3 4 5 6 7 8 9 10 11 12; restarts: 1; exit code 0" in shown
    assert time.monotonic() - begun_s < 60
    assert os.listdir(sandbox.home) == before
