"""What happens to a guarded process, told to callbacks and to plugins as they are specified by `memguard.plugins`."""

from __future__ import annotations

import inspect
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

from memguard.core.errors import UsageError
from memguard.core.log import described, printable
from memguard.plugins.events import KINDS, event_of
from memguard.plugins.manager import Plugin, PluginManager

EVENTS = tuple(KINDS)
ALL_EVENTS = "*"
_LOG = logging.getLogger(__name__)

Callback = Callable[[dict[str, Any]], Awaitable[None] | None]


class EventHub:
    """Callbacks by event. One that fails is named in the log, and neither stops the others nor the guardian."""

    def __init__(self) -> None:
        self._callbacks: dict[str, list[Callback]] = {}
        self._plugins = PluginManager(on_failure=_say_failed)

    def on(self, event: str, callback: Callback) -> Callback:
        """Have `callback` called with each event of this name, or with all (`*`). It may be a coroutine function."""
        if event not in (*EVENTS, ALL_EVENTS):
            raise UsageError(f"{printable(event, 60)} is no event", f"events are {', '.join(EVENTS)}")
        self._callbacks.setdefault(event, []).append(callback)
        return callback

    def off(self, event: str, callback: Callback) -> None:
        """Not any more; nothing where it wasn't."""
        callbacks = self._callbacks.get(event, [])
        if callback in callbacks:
            callbacks.remove(callback)

    def register(self, plugin: object, name: str) -> Plugin:
        """Take a plugin: an object with methods marked by `memguard.plugins.hookimpl`. Raises PluginError."""
        return self._plugins.register(plugin, name)

    async def emit(self, event: str, fields: dict[str, Any]) -> None:
        """Tell everybody who wants to know."""
        line = {"event": event, "t_utc": round(time.time(), 3), "guard": "", "project": os.getcwd(), **fields}
        _LOG.debug("event %s", event)
        for callback in [*self._callbacks.get(event, ()), *self._callbacks.get(ALL_EVENTS, ())]:
            await _called(callback, dict(line))
        if self._plugins.plugins:
            self._plugins.emit(event_of(line))


async def _called(callback: Callback, line: dict[str, Any]) -> None:
    try:
        answer = callback(line)
        if inspect.isawaitable(answer):
            await answer
    except Exception as error:  # noqa: BLE001  whatever a listener raises, the guard goes on
        _LOG.error("a listener of %s failed: %s", line["event"], printable(described(error), 200))


def _say_failed(plugin: Plugin) -> None:
    _LOG.error("plugin %s is disabled: %s", plugin.name, plugin.why)
