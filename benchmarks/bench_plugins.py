"""What plugins cost: an event to three that do nothing beside pluggy's own call of the same three; and none enabled.

    python benchmarks/bench_plugins.py [--rounds 30] [--calls 5000] [--resident]

The first two are called in turn, in one process, as the plugin worker does it: timed, marked, with a kernel's limit on
each call. With `--resident` the watchdog's USS is read: with no plugin enabled, which is to be what it was without any
plugins at all (a project whose configuration has no table `[plugins]`), and, as information, with three.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import pluggy
from bench_resident import MIB, _rollup_bytes
from common import Samples, Sandbox, opted_in_project, parser, print_ratio, print_samples

from memguard.plugins.call_watch import MARK_BYTES, KernelWatch
from memguard.plugins.events import MemoryWarning, event_of
from memguard.plugins.hookspecs import PROJECT, MemguardSpecs, hookimpl
from memguard.plugins.manager import PluginManager
from memguard.testing.plugin_events import SAMPLE_LINES
from tests.sandbox import wait_until

PLUGINS = 3
AT_MOST = 5
_LOADED = "[plugins]\nenabled = ['event-log', 'notifier']\n[plugins.notifier]\ncommand = ['true']\n"


class Empty:
    """A plugin that does nothing."""

    @hookimpl
    def memory_warning(self, event: MemoryWarning) -> None:
        """Nothing."""


def main() -> int:
    """Measure and print."""
    arguments = parser(__doc__, 30)
    arguments.add_argument("--calls", type=int, default=5000, help="calls a round (default: 5000)")
    arguments.add_argument("--resident", action="store_true", help="read the watchdog's USS, too: 30 s")
    options = arguments.parse_args()
    _print_calls(options.rounds, options.calls)
    if options.resident:
        _print_resident()
    return 0


def _print_calls(rounds: int, calls: int) -> None:
    event = event_of(SAMPLE_LINES["memory_warning"])
    with tempfile.NamedTemporaryFile() as mark:
        mark.write(bytes(MARK_BYTES))
        mark.flush()
        bare, watched, plain = _pluggy(), _manager(KernelWatch(mark.name, 60.0)), _manager(None)
        ways: dict[str, Callable[[], object]] = {
            "pluggy's own call": lambda: bare.hook.memory_warning(event=event),
            "memguard, watched": lambda: watched.emit(event),
            "memguard, not watched": lambda: plain.emit(event),
            "the object of the event": lambda: event_of(SAMPLE_LINES["memory_warning"]),
        }
        samples = {name: Samples(name, "us") for name in ways}
        for number in range(-2, rounds):
            for name, call in ways.items():
                took_us = _timed_us(call, calls)
                if number >= 0:
                    samples[name].values.append(took_us)
    print_samples(list(samples.values()))
    first, second, *_ = samples.values()
    print_ratio(f"an event to {PLUGINS} empty plugins / pluggy's own call", second, first, AT_MOST)


def _pluggy() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(MemguardSpecs)
    for _ in range(PLUGINS):
        manager.register(Empty())
    return manager


def _manager(watch: KernelWatch | None) -> PluginManager:
    manager = PluginManager(watch) if watch else PluginManager()
    for number in range(PLUGINS):
        manager.register(Empty(), f"empty-{number}")
    return manager


def _timed_us(call: Callable[[], object], calls: int) -> float:
    begun_s = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - begun_s) / calls * 1e6


def _print_resident() -> None:
    """In turn, each in a session of its own: the third reading after the turn is over."""
    sizes: dict[str, list[float]] = {"no [plugins]": [], "none enabled": [], "two enabled": []}
    texts = ("", "[plugins]\nenabled = []\n", _LOADED)
    for _ in range(3):
        for name, text in zip(sizes, texts, strict=True):
            with _session(text) as sandbox:
                sizes[name].append(_uss_mib(sandbox.watchdog_pid()))
    for name, values in sizes.items():
        print(f"watchdog, {name:14} USS {statistics.median(values):.2f} MiB ({min(values):.2f} to {max(values):.2f})")
    without, none, _ = map(statistics.median, sizes.values())
    print(f"none enabled - no [plugins]: {none - without:+.2f} MiB")


@contextlib.contextmanager
def _session(text: str) -> Iterator[Sandbox]:
    """A guarded client that has finished its turn and holds still."""
    with opted_in_project() as sandbox:
        sandbox.config(text)
        session = sandbox.start("--steps", "1", "--leak-mb", "1", "--hold", "--", "count")
        try:
            wait_until(lambda: any(line["event"] == "Stop" for line in sandbox.spool()), "the turn is over")
            wait_until(sandbox.watchdog_pid, "a watchdog")
            time.sleep(2)
            yield sandbox
        finally:
            session.terminate()
            session.wait(20)


def _uss_mib(pid: int) -> float:
    children = _children(pid)
    if children:
        print(f"  (a plugin worker: {sum(map(_uss_of, children)):.2f} MiB)")
    return _uss_of(pid)


def _uss_of(pid: int) -> float:
    return sum(size for name, size in _rollup_bytes(pid).items() if name.startswith("Private_")) / MIB


def _children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split() if os.path.exists(f"/proc/{word}/smaps_rollup")]


if __name__ == "__main__":
    sys.exit(main())
