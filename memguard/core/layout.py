"""Where memguard's files are, and which project a folder counts to.

Two roots, both 0700 with files of 0600:

state    durable, one folder per project: `<state>/<project key>/`
runtime  live and gone at reboot, one folder per guard: `<runtime>/guards/<guard id>/`

A project is a repository with all its worktrees, or a folder that is in none. Part of the quiet path: string building,
a few `stat` and `read` calls, nothing imported but `os`.
"""

import os

COMPILED = "compiled"  # the configuration as hooks and watchdog read it (see `read_pairs`)
SPOOL = "spool"  # folder: one file of readings per session
SNAPSHOTS = "snapshots"  # folder: one folder per snapshot
CONVERSATIONS = "conversations"  # folder: one folder per session, with the sealed pieces that its snapshots share
PROTECTION = "protection.json"  # restart attempts, in the state folder itself: of all projects
STARTS = "starts"  # what the last clients of the project took to start
EVENTS = "events.jsonl"  # what memguard did
PAUSE = "pause"  # until when the person wants no action

GUARD = "guard"  # kind, project, launcher
CLIENT = "client"  # ProcessId of the client that the guard has now
SESSIONS = "sessions"  # folder: one small file per session id of this client
WAKE = "wake"  # FIFO: a byte wakes the watchdog
WATCHDOG = "watchdog"  # lock held for the watchdog's life; holds its ProcessId
TICKET = "ticket"  # the watchdog's request for a relaunch
RELAUNCH = "relaunch"  # the launcher's answer: which client it started for which ticket
HANDOFF = "handoff"  # folder: what the next session is to read, sealed
IN_FLIGHT = "in-flight"  # folder: tool calls that were cut off, each denied once
SET_ASIDE = "set-aside"  # what was cut off a transcript, until a client has taken the conversation up
ENDED = "ended"  # how the last client ended: the launcher needs nothing more
REQUEST = "request"  # a restart that the person asked for
STATUS = "status.json"  # the watchdog's last reading and decision
TOLD = "told"  # folder: what the person was told already
NOTES = "notes"  # folder: what was ended of a session that goes on, for its model to read at its next event
TOOLS = "tools"  # folder: one small file per process that a tool call began with
FROZEN = "frozen"  # the processes that the watchdog has stopped, to be thawed or ended by its successor
CONTAINMENT = "containment"  # what holds the tree together, as the watchdog chose it
DEGRADATION = "degradation"  # which tools are denied, and why; there only while any are, or the watch is closer
PROTECTION_RESET = "protection-reset"  # when the person had this guard's restarts forgotten
NEIGHBOUR = "neighbour"  # what the other guards of this host need to know of it
SUCCESSOR = "successor"  # FIFO: what a client in a tmux pane is started with
CAPTURE_WANTED = "capture-wanted"  # one per session: a worker is about to read its conversation
PLUGIN_CALL = "plugin-call"  # which plugin is being called just now, for when its worker dies of it
PLACED = "placed"  # the watchdog has put the client where it belongs: it may begin

SESSION_CLIENTS = "sessions"  # folder below the runtime folder: one file per session id, its clients in it
HOST_LOCK = "host.lock"  # held while the sessions of this host agree on one victim
VICTIM = "victim"  # the guard that they agreed on
PART_TURN = "part-turn"  # which session has ended a part last, for the host's sake

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._")
# File systems allow 255 bytes in a name; longer keys are cut and told apart by a digest.
_LONGEST_KEY = 200


def project_dir(state_dir: str, key: str) -> str:
    """A project's durable folder."""
    return f"{state_dir}/{key}"


def guard_dir(runtime_dir: str, guard_id: str) -> str:
    """A guard's live folder."""
    return f"{runtime_dir}/guards/{guard_id}"


def client_record(runtime_dir: str, pid: int) -> str:
    """The file that says which guard a client belongs to."""
    return f"{runtime_dir}/clients/{pid}"


def handoff_socket(guard_dir: str, ticket: str) -> str:
    """Where the worker listens that was started for the SessionStart of a relaunch."""
    return f"{guard_dir}/{HANDOFF}/{ticket}.socket"


def log_path(state_dir: str) -> str:
    """Memguard's own log."""
    return f"{state_dir}/memguard.log"


def read_pairs(path: str) -> dict[str, str]:
    """The `name=value` lines of a small text file; empty where there is none.

    Text lines rather than JSON because importing `json` alone doubles the time of a quiet hook.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return {}
    try:
        text = os.read(descriptor, 65536).decode("utf-8", "replace")
    except IsADirectoryError:
        return {}
    finally:
        os.close(descriptor)
    # Not `splitlines`: it also parts at characters that a folder's name may hold.
    return dict(line.split("=", 1) for line in text.split("\n") if "=" in line)


def write_pairs(path: str, pairs: dict[str, object], *, lasts: bool = True) -> None:
    """Write `name=value` lines so that a reader sees the old file or the new one, never a part."""
    lines = [f"{name}={value}\n" for name, value in pairs.items()]
    if any(line.count("\n") != 1 or "\r" in line for line in lines):
        raise ValueError("a pair holds a line break")
    write_atomic(path, "".join(lines).encode(), lasts=lasts)


def write_atomic(path: str, data: bytes, *, lasts: bool = True) -> None:
    """Replace `path` by `data`, mode 0600, without following a link that lies there.

    What lives in the runtime folder, and is written while something grows, need not last: no crash of the host leaves
    it, and where that folder is on a disk, syncing takes seconds just then.
    """
    temporary = f"{path}.{os.getpid()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    remove(temporary)
    descriptor = os.open(temporary, flags, 0o600)
    try:
        write_all(descriptor, data)
        if lasts:
            os.fsync(descriptor)
    except OSError:
        remove(temporary)
        raise
    finally:
        os.close(descriptor)
    os.replace(temporary, path)


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte of `data`; OSError where not all of it finds room.

    On a disk that is nearly full, one `write` takes what fits and says so by its result alone.
    """
    while data:
        data = data[os.write(descriptor, data) :]


def remove(path: str) -> bool:
    """Remove a file; False where there was none."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def private_dir(path: str) -> str:
    """Make a folder of 0700 (and those above it that are missing), and refuse one that is a link or another user's.

    Raises PermissionError where someone else could have put it there (a shared temporary folder).
    """
    _make_dirs(path)
    status = os.lstat(path)
    if os.name == "posix":
        if status.st_uid != os.geteuid() or status.st_mode & 0o170000 != 0o040000:
            raise PermissionError(f"{path} is not a folder of this user")
        if status.st_mode & 0o077:
            os.chmod(path, 0o700)
    return path


def _make_dirs(path: str) -> None:
    """As `os.makedirs`, which makes the folders above with the umask's mode, whatever mode it is given."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    if parent and parent != path:
        _make_dirs(parent)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise  # a file, or a link that leads nowhere


def is_own_dir(path: str) -> bool:
    """Whether `path` is a folder that this user alone can have filled: 0700, and not to be swapped by others.

    False where it is missing. Without a runtime folder of the system's, ours lies below the shared temporary folder,
    where whoever is first after a reboot makes it. The folder above may be the system's, with the sticky bit where
    others may write to it: nobody else can rename what is ours there.
    """
    try:
        own, above = os.lstat(path), os.lstat(os.path.dirname(path))
    except OSError:
        return False
    user = os.geteuid()
    if own.st_uid != user or own.st_mode & 0o170077 != 0o040000:
        return False
    is_folder, is_open = above.st_mode & 0o170000 == 0o040000, above.st_mode & 0o002
    return is_folder and above.st_uid in (0, user) and (not is_open or bool(above.st_mode & 0o1000))


def is_plain_id(text: str) -> bool:
    """Whether `text` may be part of a file name and of a command line: 1 to 64 letters, digits, `-`, `_`."""
    return (
        0 < len(text) <= 64 and text[0] != "-" and text.replace("-", "a").replace("_", "a").isalnum() and text.isascii()
    )


def project_key(root: str) -> str:
    """The folder name that stands for `root` in the state folder; different roots never share one."""
    key = "".join(_encoded(character) for character in root)
    return key if len(key) <= _LONGEST_KEY else _shortened(key)


def _encoded(character: str) -> str:
    if character in _PLAIN:
        return character
    return "-" if character in ("/", "\\") else f"={ord(character):x}="


def _shortened(key: str) -> str:
    import hashlib  # 1 ms: only for paths that need it

    digest = hashlib.blake2b(key.encode(), digest_size=12).hexdigest()
    return f"{key[: _LONGEST_KEY - 25]}-{digest}"


def project_root(directory: str) -> str:
    """The root that `directory` counts to: its repository's main worktree, else `directory` itself."""
    start = os.path.realpath(directory)
    for folder in ancestors(start):
        root = repository_root(folder)
        if root:
            return root
    return start


def ancestors(directory: str) -> list[str]:
    """`directory` and every folder above it, nearest first."""
    folders = [directory]
    while os.path.dirname(folders[-1]) != folders[-1]:
        folders.append(os.path.dirname(folders[-1]))
    return folders


def repository_root(folder: str) -> str:
    """The main worktree of the repository whose top is `folder`; empty where it is no top."""
    git = folder + "/.git"
    try:
        with open(git, encoding="utf-8", errors="replace") as file:
            line = file.readline(4096)
    except IsADirectoryError:
        return folder
    except OSError:
        return ""
    return _main_worktree(folder, line) or folder


def _main_worktree(folder: str, line: str) -> str:
    """Follow a linked worktree's `.git` file, and only where the repository links back to it.

    Without the way back, a stranger's folder could claim to be a worktree of an opted-in repository.
    """
    git_dir = os.path.join(folder, line.removeprefix("gitdir:").strip())
    common = _first_line(git_dir + "/commondir")
    back = _first_line(git_dir + "/gitdir")
    if not common or os.path.realpath(back) != os.path.realpath(folder + "/.git"):
        return ""
    common = os.path.realpath(os.path.join(git_dir, common))
    return os.path.dirname(common) if os.path.basename(common) == ".git" else common


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readline(4096).strip()
    except OSError:
        return ""


def opted_in_key(directory: str, state_dir: str) -> str:
    """The key of the opted-in project that `directory` counts to; empty where there is none."""
    for folder in ancestors(os.path.realpath(directory)):
        root = repository_root(folder)
        key = project_key(root or folder)
        if os.path.exists(f"{state_dir}/{key}/compiled"):
            return key
        if root:
            return ""
    return ""
