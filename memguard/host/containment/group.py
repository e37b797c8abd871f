"""Control groups as files: which one this process is in, and what one of memguard's own holds.

Every function that writes raises OSError; the caller knows what to do without.
"""

import os
import time

from memguard.host.cgroups import OWN_PREFIX
from memguard.host.linux import read_bytes

# Of a v2 group of ours: processes are only in its leaves, since the kernel allows a controller below nothing else.
SESSION_LEAF, OWN_LEAF = "session", "own"
_BLOCK = 65536
# Freezing took 0.3 ms for 20 processes; one that is stuck in the kernel freezes when it comes out.
_FREEZE_S = 0.1


def own_folder(controller: str, proc: str, cgroup_root: str) -> str:
    """The folder of the control group that this process is in, without memguard's own; empty where there is none.

    `controller` names a v1 hierarchy; empty is v2, also beside v1 (`unified`). What memguard has made for another
    session is left out of it, so that no session lies in another's.
    """
    mounts = [f"{cgroup_root}/{controller}"] if controller else [cgroup_root, f"{cgroup_root}/unified"]
    path = own_path(controller, proc)
    for mount in mounts if path else ():
        # A container may be told a path of the host's, and shown its own group as the mount.
        for folder in (mount + path.rstrip("/"), mount):
            if ".." not in folder.split("/") and os.getpid() in pids_in(folder):
                return outside(folder)
    return ""


def own_path(controller: str, proc: str, process: str = "self") -> str:
    """What the kernel calls the group of a process in that hierarchy; empty where there is none."""
    for line in read_bytes(f"{proc}/{process}/cgroup", _BLOCK).decode("utf-8", "replace").splitlines():
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        is_wanted = controller in controllers.split(",") if controller else number == "0" and not controllers
        if is_wanted:
            return path
    return ""


def outside(folder: str) -> str:
    """`folder`, or what is above the first group of memguard's in it."""
    words = folder.split("/")
    ours = [position for position, word in enumerate(words) if word.startswith(OWN_PREFIX)]
    return "/".join(words[: ours[0]]) if ours else folder


def pids_in(folder: str) -> list[int]:
    """The processes of one group alone; none where it can't be read. Who is of another pid namespace shows as 0."""
    return [int(word) for word in _read_all(f"{folder}/cgroup.procs").split() if word.isdigit() and word != b"0"]


def write(path: str, text: str) -> None:
    """One write, as the kernel wants it; never makes a file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0))
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def number_in(path: str) -> int:
    """The number in a file; 0 where there is none (`max`, or no file)."""
    text = read_bytes(path, 64).strip()
    return int(text) if text.isdigit() else 0


def _read_all(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    pieces = []
    try:
        while piece := os.read(descriptor, _BLOCK):
            pieces.append(piece)
    except OSError:  # the group went meanwhile
        return b""
    finally:
        os.close(descriptor)
    return b"".join(pieces)


class Group:
    """One control group of memguard's, with those that a program in it has made below it."""

    __slots__ = ("folder",)

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def make(self) -> None:
        """Make it where it isn't there."""
        try:
            os.mkdir(self.folder, 0o755)
        except FileExistsError:
            return

    def add(self, pid: int) -> None:
        """Move a process in; what it starts from here on is in it as well."""
        write(f"{self.folder}/cgroup.procs", str(pid))

    def pids(self) -> list[int]:
        """Who is in it, and in the groups below."""
        return [pid for folder in self._folders() for pid in pids_in(folder)]

    def _folders(self) -> list[str]:
        """The kernel counts two links for a folder without any below it, which spares listing it."""
        folders = [self.folder]
        for folder in folders:  # it grows while it is walked
            try:
                if os.stat(folder).st_nlink != 2:
                    folders += [entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
            except OSError:
                continue
        return folders

    def can_kill(self) -> bool:
        """Whether the kernel can end all of it at once: v2 from 5.14 on."""
        return os.access(f"{self.folder}/cgroup.kill", os.W_OK)

    def kill(self) -> bool:
        """End all in it, and whatever they are forking; False where the kernel can't."""
        try:
            write(f"{self.folder}/cgroup.kill", "1")
        except OSError:
            return False
        return True

    def freeze(self) -> bool:
        """Stop all in it, so that nobody forks any more; SIGKILL still works. False for v1, or where it takes long."""
        try:
            write(f"{self.folder}/cgroup.freeze", "1")
        except OSError:
            return False
        deadline_s = time.monotonic() + _FREEZE_S
        while time.monotonic() < deadline_s:
            if b"frozen 1" in read_bytes(f"{self.folder}/cgroup.events", 256):
                return True
            time.sleep(0.001)
        return False

    def thaw(self) -> None:
        """Undo `freeze`."""
        try:
            write(f"{self.folder}/cgroup.freeze", "0")
        except OSError:
            return

    def move_out(self, target: str) -> None:
        """Move all that is in it to the group at `target`; who refuses stays."""
        for pid in self.pids():
            try:
                write(f"{target}/cgroup.procs", str(pid))
            except OSError:
                continue

    def remove(self) -> bool:
        """Remove it with the groups below; False where somebody is in it."""
        for folder in reversed(self._folders()):
            try:
                os.rmdir(folder)
            except FileNotFoundError:
                continue
            except OSError:
                return False
        return True
