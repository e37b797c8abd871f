"""A `/proc` on disk: processes as the host shows them, and what no kernel would give at will.

    host = FakeHost(f"{tmp_path}/proc")
    host.add(10, 1, name="claude", anon_kb=200_000)
    host.add(20, 10, name="pytest", anon_kb=900_000)
    linux.read_tree(10, host.root).footprint_bytes

Every function of `memguard.host` that reads processes takes the root of `/proc`. What `add` can't say (a torn file, a
refused one) a test writes with `write`.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Unpack

INIT = 1
# What follows the start in `stat`, and nobody here reads.
_MORE_FIELDS = 30


class ProcessFacts(TypedDict, total=False):
    """What one process shows; what isn't said is as in `_USUAL`.

    `anon_kb`, `shmem_kb` and `swap_kb` make its footprint, `pss_kb` is its share of it (not shown where none is given).
    `children` maps a thread id to the pids that this thread started, as a kernel lists them; `process_session` is its
    own pid where it is 0; `terminal` a device number. `words` is its command line, `variables` its environment: a
    process that is given neither shows neither. `uid` is this user's where it is -1.
    """

    name: str
    start_ticks: int
    state: str
    anon_kb: int
    shmem_kb: int
    swap_kb: int
    pss_kb: int
    children: Mapping[int, Iterable[int]]
    terminal: int
    has_memory: bool
    groups: str
    process_session: int
    uid: int
    words: Sequence[str]
    variables: Mapping[str, str]


_USUAL: ProcessFacts = {
    "name": "tool", "start_ticks": 1000, "state": "S", "anon_kb": 0, "shmem_kb": 0, "swap_kb": 0, "children": {},
    "terminal": 0, "has_memory": True, "groups": "", "process_session": 0, "uid": -1,
}  # fmt: skip


class FakeHost:
    """A `/proc` below `root`; with `with_children` off, that of a kernel without `children` files."""

    def __init__(self, root: str, with_children: bool = True) -> None:
        self.root = root
        self._with_children = with_children
        self._processes: dict[int, tuple[int, ProcessFacts]] = {}  # by pid: its parent's, and what it shows
        os.makedirs(root, exist_ok=True)

    def add(self, pid: int, parent_pid: int, **facts: Unpack[ProcessFacts]) -> None:
        """One process, or other facts of one that is there.

        Its parent is enough to place it in the tree: where the tree's first process lists no children, memguard looks
        for whose parent it is, as on a kernel that lists none.
        """
        shown: ProcessFacts = {**_USUAL, **facts}
        self._processes[pid] = parent_pid, shown
        threads = {pid: (), **shown["children"]} if shown["children"] else {}
        self._write_stat(pid, parent_pid, shown, max(1, len(threads)))
        self._write_status(pid, shown)
        self._write_threads(pid, threads)
        self._write_words(pid, shown)
        if "pss_kb" in shown:
            share = f"Pss: {shown['pss_kb']} kB\nPss_Anon: {shown['pss_kb']} kB\nPss_Shmem: 0 kB\nSwapPss: 0 kB\n"
            self.write(f"{pid}/smaps_rollup", f"[rollup]\n{share}")

    def change(self, pid: int, **facts: Unpack[ProcessFacts]) -> None:
        """Let a process show something else, such as another size. KeyError for one that isn't there."""
        parent_pid, before = self._processes[pid]
        shown: ProcessFacts = {**before, **facts}
        self.add(pid, parent_pid, **shown)

    def end(self, pid: int) -> None:
        """A process is gone; those that it started are init's. KeyError for one that isn't there."""
        del self._processes[pid]
        shutil.rmtree(f"{self.root}/{pid}")
        for child, (parent_pid, facts) in list(self._processes.items()):
            if parent_pid == pid:
                self.add(child, INIT, **facts)

    def memory(self, total_kb: int, available_kb: int, swap_total_kb: int = 0, swap_free_kb: int = 0) -> None:
        """The memory of the whole host."""
        sizes = {"MemTotal": total_kb, "MemAvailable": available_kb, "SwapTotal": swap_total_kb}
        lines = [f"{name}: {size_kb} kB\n" for name, size_kb in {**sizes, "SwapFree": swap_free_kb}.items()]
        self.write("meminfo", "".join(lines))

    def write(self, path: str, text: str) -> None:
        """A file below the root."""
        full = f"{self.root}/{path}"
        try:
            _write(full, text)
        except FileNotFoundError:  # the folder is there nearly always: thousands of files are written
            os.makedirs(os.path.dirname(full))
            _write(full, text)

    def _write_stat(self, pid: int, parent_pid: int, shown: ProcessFacts, threads: int) -> None:
        after_name: list[object] = [shown["state"], parent_pid, pid, shown["process_session"] or pid, shown["terminal"]]
        after_name += [*[0] * 12, threads, 0, shown["start_ticks"], *[0] * _MORE_FIELDS]
        self.write(f"{pid}/stat", f"{pid} ({shown['name']}) {' '.join(map(str, after_name))}\n")

    def _write_status(self, pid: int, shown: ProcessFacts) -> None:
        uids = f"\t{os.geteuid() if shown['uid'] < 0 else shown['uid']}" * 4
        status = f"Name:\t{shown['name']}\nUid:{uids}\nGroups:\t{shown['groups']}\n"
        if shown["has_memory"]:
            sizes = {"VmSize": 70_000_000, "RssAnon": shown["anon_kb"], "RssFile": 999, "RssShmem": shown["shmem_kb"]}
            lines = [f"{key}:\t{size_kb:8} kB\n" for key, size_kb in {**sizes, "VmSwap": shown["swap_kb"]}.items()]
            status += "".join(lines)
        self.write(f"{pid}/status", status + "Threads:\t1\n")

    def _write_threads(self, pid: int, threads: Mapping[int, Iterable[int]]) -> None:
        """None for one that started nobody: files are what thousands of processes cost."""
        for thread, pids in threads.items():
            os.makedirs(f"{self.root}/{pid}/task/{thread}", exist_ok=True)
            if self._with_children:
                self.write(f"{pid}/task/{thread}/children", "".join(f"{child} " for child in pids))

    def _write_words(self, pid: int, shown: ProcessFacts) -> None:
        if "words" in shown:
            self.write(f"{pid}/cmdline", "".join(f"{word}\0" for word in shown["words"]))
        if "variables" in shown:
            pairs = [f"{name}={value}\0" for name, value in shown["variables"].items()]
            self.write(f"{pid}/environ", "".join(pairs))
        if "words" in shown or "variables" in shown:
            self.write(f"{pid}/comm", f"{shown['name']}\n")


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
