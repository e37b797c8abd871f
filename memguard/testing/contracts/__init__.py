"""Suites of tests for what can be plugged into memguard: classes to subclass, for pytest.

    from memguard.testing.contracts import ContainmentContract, PluginContract, SummariserContract

A mechanism that passes its suite is one that the watchdog can use as it stands.
"""

import pytest

# So that a test that fails says what it compared.
pytest.register_assert_rewrite(
    "memguard.testing.contracts.containment",
    "memguard.testing.contracts.plugin",
    "memguard.testing.contracts.summariser",
)

from memguard.testing.contracts.containment import ContainmentContract  # noqa: E402
from memguard.testing.contracts.plugin import PluginContract  # noqa: E402
from memguard.testing.contracts.summariser import SummariserContract  # noqa: E402

__all__ = ["ContainmentContract", "PluginContract", "SummariserContract"]
