"""Asks the person's plugins for a digest: the facts as JSON on stdin, lines of JSON on stdout, the last one the answer.

    python -I -m memguard.handoff.digesting COMPILED SECONDS STATE NAME,NAME

The names are those of plugins to leave out. Before each call there is a line with the number of the plugin, so that one
that hangs or ends this process can be named; the answer is `{"text": ..., "plugin": ..., "failed": {NAME: WHY}}`.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, TextIO

from memguard.core.layout import read_pairs
from memguard.handoff.summarising import end_after
from memguard.plugins.call_watch import CallWatch
from memguard.plugins.context import PluginContext
from memguard.plugins.enabled import Enabled
from memguard.plugins.limits import limit_memory
from memguard.plugins.manager import Plugin, PluginManager
from memguard.plugins.questions import DIGEST, LONGEST_DIGEST, question_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Answer once; 0, whatever the plugins do."""
    compiled, seconds, state_dir, left_out = argv
    end_after(float(seconds))
    enabled = Enabled.of(read_pairs(compiled))
    with os.fdopen(os.dup(1), "w") as answer:  # a copy that what a plugin starts doesn't inherit
        os.dup2(2, 1)
        limit_memory(enabled.memory_bytes)
        failed: dict[str, str] = {}
        manager = PluginManager(_SayingWatch(answer), lambda plugin: failed.update(_failure(plugin)))
        os.register_at_fork(after_in_child=lambda: _forked(manager))
        for name in enabled.names:
            options = enabled.options.get(name, {})
            context = PluginContext(name=name, options=options, state_dir=state_dir, timeout_s=enabled.timeout_s)
            if name in left_out.split(","):
                manager.leave_out(name)
            else:
                manager.load(context)
        plugin, text = manager.ask(DIGEST, question_of(DIGEST, json.load(sys.stdin))) or ("", "")
        _say(answer, {"text": text[: LONGEST_DIGEST * 2], "plugin": plugin, "failed": failed})
    return 0


class _SayingWatch(CallWatch):
    """Says who is called; the time limit is that of the whole process."""

    def __init__(self, answer: TextIO) -> None:
        self._answer = answer

    def begin(self, plugin: int, hook: int) -> None:  # noqa: ARG002  one hook is called here
        _say(self._answer, {"calling": plugin})


def _say(answer: TextIO, message: dict[str, object]) -> None:
    answer.write(json.dumps(message) + "\n")
    answer.flush()


def _failure(plugin: Plugin) -> dict[str, str]:
    return {plugin.name: f"{plugin.failed_in}: {plugin.why}"}


def _forked(manager: PluginManager) -> None:
    manager.is_forked = True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
