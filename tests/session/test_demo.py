"""The demo, as the README's first block ends."""

from __future__ import annotations

import os
import time

from tests.sandbox import Sandbox


def test_the_demo_restarts_the_leaky_client_and_leaves_nothing(sandbox: Sandbox) -> None:
    begun_s, before = time.monotonic(), os.listdir(sandbox.home)
    shown = sandbox.memguard("demo").stdout
    assert "the client was restarted at" in shown
    assert "; restarts: 1; exit code 0" in shown
    assert "every step was done once" in shown or "no step was done twice" in shown
    assert time.monotonic() - begun_s < 60
    assert os.listdir(sandbox.home) == before
