"""The plugin `notifier`: tells a web service of events (`url`), a program (`command`), or both.

    [plugins.notifier]
    url = "https://example.org/hooks/memguard"
    secret_file = "/home/me/.config/memguard/webhook-secret"   # or secret_variable = "MEMGUARD_HOOK_SECRET"
    command = ["/home/me/bin/tell-me"]
    events = ["restart_failed"]

The event is one JSON document: what is posted, and what the program reads on its standard input. No shell is involved.
The secret is sent as `Authorization: Bearer ...`, and is in no log, argument list or file of memguard's.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from memguard.plugins.context import OptionError
from memguard.plugins.hookspecs import hookimpl
from memguard.plugins.notifier_command import run_command
from memguard.plugins.notifier_webhook import Webhook
from memguard.plugins.outbox import Outbox
from memguard.plugins.wanted import is_wanted, sentence, wanted_events

if TYPE_CHECKING:
    from memguard.plugins.context import PluginContext
    from memguard.plugins.events import Event

_CLOSE_SHARE = 0.8
# A network may take longer than a call of a plugin may: this one waits in a thread.
_SEND_S = 10.0


class Notifier:
    """Sends what it is told of, one after the other."""

    def __init__(self, context: PluginContext) -> None:
        """Raises OptionError for options that it doesn't take, or that send a secret where others could read it."""
        context.only("url", "command", "events", "secret_file", "secret_variable")
        self._wanted = wanted_events(context)
        self._close_s = context.timeout_s * _CLOSE_SHARE
        self._command = list(context.texts("command"))
        self._webhook = Webhook.of(context) if context.options.get("url") else None
        if not self._command and not self._webhook:
            raise OptionError("neither url nor command is set", f"set one of them in [plugins.{context.name}]")
        self._outbox = Outbox(self._send, _described)

    @hookimpl
    def event_recorded(self, event: Event) -> None:
        """Have it sent."""
        if is_wanted(event, self._wanted):
            self._outbox.put(document(event))

    @hookimpl
    def stopping(self) -> None:
        """Send what waits."""
        self._outbox.close(self._close_s)

    def _send(self, body: bytes) -> None:
        if self._command:
            run_command(self._command, body, _SEND_S)
        if self._webhook:
            self._webhook.post(body, _SEND_S)


def document(event: Event) -> bytes:
    """What is sent: the event as it was recorded, its project, and `text`, a line for a person."""
    return json.dumps({"text": sentence(event), "project": event.project, **event.fields}).encode()


def _described(error: Exception) -> str:
    """Without an address or an argument, either of which may hold a secret."""
    code = getattr(error, "code", None) or getattr(error, "returncode", None)
    return f"{type(error).__name__} {code}" if isinstance(code, int) else type(error).__name__
