"""The plugin `desktop`: notifications on the desktop, by the library desktop-notifier (extra `notify`).

[plugins.desktop]
events = ["memory_warning", "restart_failed"]
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from memguard.core.log import printable
from memguard.plugins.hookspecs import hookimpl
from memguard.plugins.outbox import Outbox
from memguard.plugins.wanted import is_wanted, sentence, title, wanted_events

if TYPE_CHECKING:
    from desktop_notifier import DesktopNotifierSync

    from memguard.plugins.context import PluginContext
    from memguard.plugins.events import Event

_LONGEST = 200
_BUS = "DBUS_SESSION_BUS_ADDRESS"
_STILL_ON_ITS_WAY = 0.2  # of the time of a call, kept back for ending


class NotShownError(Exception):
    """No desktop took the notification."""


class DesktopNotifications:
    """Shows what it is told of. Where there is no desktop, it is disabled after the third that can't be shown."""

    def __init__(self, context: PluginContext) -> None:
        """Raises ImportError without the extra, OptionError for options that it doesn't take."""
        context.only("events")
        self._wanted = wanted_events(context)
        self._close_s = context.timeout_s * (1 - _STILL_ON_ITS_WAY)
        _find_bus()
        import desktop_notifier  # noqa: F401  here, so that its absence is said at the start

        self._notifier: DesktopNotifierSync | None = None
        self._outbox = Outbox(self._show, lambda error: type(error).__name__)

    @hookimpl
    def event_recorded(self, event: Event) -> None:
        """Show it."""
        if is_wanted(event, self._wanted):
            self._outbox.put(event)

    @hookimpl
    def stopping(self) -> None:
        """Show what waits."""
        self._outbox.close(self._close_s)

    def _show(self, event: Event) -> None:
        """In the outbox's thread, which is also the one that the library's event loop belongs to."""
        from desktop_notifier import DesktopNotifierSync

        if self._notifier is None:
            self._notifier = DesktopNotifierSync(app_name="memguard")
        dispatched: list[bool] = []
        self._notifier.send(
            title=title(event), message=printable(sentence(event), _LONGEST),
            on_dispatched=lambda: dispatched.append(True),
        )  # fmt: skip
        if not dispatched:  # the library itself only logs that
            raise NotShownError


def _find_bus() -> None:
    """A session that `memguard run` didn't start hands no variable on; systemd's user bus has a fixed place."""
    path = f"{os.environ.get('XDG_RUNTIME_DIR', '')}/bus"
    if not os.environ.get(_BUS) and os.path.exists(path):
        os.environ[_BUS] = f"unix:path={path}"
