"""Lays out a `/proc` on disk, with what no kernel would give at will: hostile names, loops, vanished processes."""

import os


class FakeProc:
    """A `/proc` below `root`; `with_children` off makes it that of a kernel without `children` files."""

    def __init__(self, root: str, with_children: bool = True) -> None:
        self.root = root
        self._with_children = with_children
        os.makedirs(root, exist_ok=True)

    def add(  # noqa: PLR0913 -- a process has many facts, all by name
        self,
        pid: int,
        parent_pid: int,
        *,
        name: str = "tool",
        start_ticks: int = 1000,
        state: str = "S",
        anon_kb: int = 0,
        shmem_kb: int = 0,
        swap_kb: int = 0,
        children: dict[int, list[int]] | None = None,
        terminal: int = 0,
        has_memory: bool = True,
        groups: str = "",
        session: int = 0,
    ) -> None:
        """One process. `children` maps a thread id to the pids that this thread started.

        `session` is its process session's id; its own, where none is given. One that started nobody has no `task`
        folder: files are what thousands of processes cost.
        """
        threads = {pid: [], **children} if children else {}
        words = [
            state,
            parent_pid,
            pid,
            session or pid,
            terminal,
            *[0] * 12,
            max(1, len(threads)),
            0,
            start_ticks,
            *[0] * 30,
        ]
        self.write(f"{pid}/stat", f"{pid} ({name}) {' '.join(map(str, words))}\n")
        status = f"Name:\t{name}\nUid:\t0\t0\t0\t0\nGroups:\t{groups}\n"
        if has_memory:
            sizes = {"VmSize": 70_000_000, "RssAnon": anon_kb, "RssFile": 999, "RssShmem": shmem_kb, "VmSwap": swap_kb}
            status += "".join(f"{key}:\t{size_kb:8} kB\n" for key, size_kb in sizes.items())
        self.write(f"{pid}/status", status + "Threads:\t1\n")
        for thread, pids in threads.items():
            os.makedirs(f"{self.root}/{pid}/task/{thread}", exist_ok=True)
            if self._with_children:
                self.write(f"{pid}/task/{thread}/children", "".join(f"{child} " for child in pids))

    def write(self, path: str, text: str) -> None:
        """A file below the root."""
        full = f"{self.root}/{path}"
        try:
            self._write(full, text)
        except FileNotFoundError:  # the folder is there nearly always: thousands of files are written
            os.makedirs(os.path.dirname(full))
            self._write(full, text)

    def _write(self, path: str, text: str) -> None:
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
