"""Setting aside what a crash has torn at the end of a transcript, and putting it back.

The client appends one JSON object a line. Killed in the middle, or with the host, it leaves part of a line, or NULs.
What the client makes of that when it is to resume (each tried with the real one):

    2.1.118    "Failed to resume session", exit 1, where the transcript is large (24 MB; a small one it resumes)
    2.1.197    resumes without that line, and appends its next one right behind the torn bytes: that one is lost, too
    2.1.330    resumes without that line; begins a new line first

So the torn bytes go into a file of their own beside the transcript, where all that the client knows lies in plain text
anyway, and the transcript is cut where they began. A copy of the whole would be a second conversation, of hundreds of
MB, made while the host is short. At every moment each byte is in one of the two files: the copy is read back and
synced, with its folder, before the cut. The name of the copy says where it belongs.
"""

import os
import time

from memguard.core import light_json as json
from memguard.core.light_signal import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MARK = ".memguard-torn-"
_BLOCK = 1048576
# Longer than any line that the client writes, and than what is left over of one.
_MOST_TORN_BYTES = 64 * 1048576
# A host that crashed may leave some lines of NULs; more of them are no end of a conversation.
_MOST_LINES = 16
# A line up to here is parsed; of a longer one its end tells enough, at no cost in memory.
_PARSED_BYTES = 8 * 1048576
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class Aside:
    """`size_bytes` that stood at `offset` of `transcript`, kept under `name` beside it."""

    __slots__ = ("name", "offset", "size_bytes", "transcript")

    def __init__(self, transcript: str, offset: int, size_bytes: int, name: str) -> None:
        self.transcript = transcript
        self.offset = offset
        self.size_bytes = size_bytes
        self.name = name


class OpenTranscript:
    """A transcript that nobody else has open: a plain file of this user's below the client's projects folder.

    Raises PermissionError for any other file, BlockingIOError while another process has it open.
    """

    def __init__(self, path: str, config_dir: str) -> None:
        self.path = path
        folder, self.name = os.path.split(path)
        self.folder = os.open(_inside(folder, config_dir), os.O_RDONLY | os.O_DIRECTORY | _FLAGS)
        try:
            self.descriptor = os.open(self.name, os.O_RDWR | _FLAGS, dir_fd=self.folder)
        except OSError:
            os.close(self.folder)
            raise
        try:
            self.status = _own_file(self.descriptor, path)
            _claim(self.descriptor)
        except OSError:
            self.__exit__()
            raise

    def __enter__(self) -> "OpenTranscript":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)  # which gives the lease back
        os.close(self.folder)

    def is_unchanged(self) -> bool:
        """Whether nobody has written to it since it was opened."""
        now = os.fstat(self.descriptor)
        return (now.st_size, now.st_mtime_ns) == (self.status.st_size, self.status.st_mtime_ns)


def set_aside(transcript: str, config_dir: str, note: "Callable[[Aside], object]") -> Aside | None:
    """Cut a transcript behind its last whole line; None where there is nothing to cut.

    `note` is told of it before anything is done. OSError of it, as of anything else, leaves the transcript as it is.
    """
    with OpenTranscript(transcript, config_dir) as file:
        offset, size_bytes = whole_bytes(file.descriptor, file.status.st_size), file.status.st_size
        if offset == size_bytes:
            return None
        aside = Aside(transcript, offset, size_bytes - offset, _free_name(file, offset))
        note(aside)
        _save(file, aside)
        if not file.is_unchanged():
            raise BlockingIOError(f"{transcript} was written to meanwhile")
        os.ftruncate(file.descriptor, offset)
        os.fsync(file.descriptor)
        return aside


def put_back(aside: Aside, config_dir: str) -> None:
    """Give the transcript its bytes again, and remove their copy. Done in part before, it is completed.

    Raises OSError, and leaves both files, where the client has written to the transcript since.
    """
    with OpenTranscript(aside.transcript, config_dir) as file:
        copy = os.open(aside.name, os.O_RDONLY | _FLAGS, dir_fd=file.folder)
        try:
            _complete(file, aside, copy, _own_file(copy, aside.name).st_size)
        finally:
            os.close(copy)
        os.unlink(aside.name, dir_fd=file.folder)
        os.fsync(file.folder)


def _complete(file: OpenTranscript, aside: Aside, copy: int, copy_bytes: int) -> None:
    """Bring the transcript to what it was. Where it holds as much, it was never cut, or was completed already."""
    there_bytes = file.status.st_size - aside.offset
    is_as_it_was = there_bytes == aside.size_bytes >= copy_bytes
    if not is_as_it_was and not 0 <= there_bytes < aside.size_bytes == copy_bytes:
        raise PermissionError(f"{aside.transcript} was written to since")
    if not _is_same(file.descriptor, aside.offset, copy, min(there_bytes, copy_bytes)):
        raise PermissionError(f"{aside.transcript} was changed since")
    if is_as_it_was:
        return
    _copy(copy, there_bytes, file.descriptor, file.status.st_size)
    os.fsync(file.descriptor)
    _compare(file, aside, copy)


def whole_bytes(descriptor: int, size_bytes: int) -> int:
    """Up to where a file of `size_bytes` holds whole lines. Raises OSError where that is not near its end."""
    end = size_bytes
    for _ in range(_MOST_LINES):
        start = _line_start(descriptor, end)
        if end == 0 or _is_whole(descriptor, start, end):
            return end
        end = start
        if size_bytes - end > _MOST_TORN_BYTES:
            break
    raise OSError("more than the end of a line is torn")


def _line_start(descriptor: int, end: int) -> int:
    """Where the line begins that ends, with its line end or without, before `end`."""
    position = end - 1
    while position > 0:
        begin = max(0, position - _BLOCK)
        found = os.pread(descriptor, position - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        position = begin
    return 0


def _is_whole(descriptor: int, start: int, end: int) -> bool:
    """Whether a line is one JSON object, or empty. One without its line end may be whole for all that."""
    if end - start > _PARSED_BYTES:
        return _looks_whole(descriptor, start, end)
    # As the client reads it: what is no UTF-8 is replaced, and costs nobody the line.
    line = os.pread(descriptor, end - start, start).decode("utf-8", "replace").strip("\n")
    try:
        return not line or isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _looks_whole(descriptor: int, start: int, end: int) -> bool:
    return os.pread(descriptor, 1, start) == b"{" and os.pread(descriptor, 2, end - 2) == b"}\n"


def _free_name(file: OpenTranscript, offset: int) -> str:
    """When, and where it belongs; what was left aside before stays as it is."""
    name = f"{file.name}{MARK}{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{offset}"
    taken = set(os.listdir(file.folder))
    return next(free for free in (name, *(f"{name}-{number}" for number in range(2, 99))) if free not in taken)


def _save(file: OpenTranscript, aside: Aside) -> None:
    """Copy the torn bytes and read them back; whatever fails leaves no copy."""
    copy = os.open(aside.name, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600, dir_fd=file.folder)
    try:
        _copy(file.descriptor, aside.offset, copy, 0)
        os.fsync(copy)
        _compare(file, aside, copy)
        os.fsync(file.folder)
    except OSError:
        os.unlink(aside.name, dir_fd=file.folder)
        raise
    finally:
        os.close(copy)


def _copy(source: int, position: int, sink: int, target: int) -> None:
    """All that stands in `source` from `position` on, to `target` in `sink`; a nearly full disk takes what fits."""
    while block := os.pread(source, _BLOCK, position):
        written = os.pwrite(sink, block, target)
        position += written
        target += written


def _compare(file: OpenTranscript, aside: Aside, copy: int) -> None:
    """Raise OSError where transcript and copy don't hold the same: a disk that loses what it was given."""
    if not _is_same(file.descriptor, aside.offset, copy, aside.size_bytes):
        raise OSError(f"{aside.name} is not what was written")


def _is_same(descriptor: int, offset: int, copy: int, size_bytes: int) -> bool:
    """Whether a file's bytes from `offset` on begin as its copy does, for `size_bytes`."""
    for position in range(0, size_bytes, _BLOCK):
        length = min(_BLOCK, size_bytes - position)
        block = os.pread(descriptor, length, offset + position)
        if len(block) != length or block != os.pread(copy, length, position):
            return False
    return True


def _inside(folder: str, config_dir: str) -> str:
    """The real folder, which must be below the client's projects folder."""
    try:
        projects, inside = os.path.realpath(f"{config_dir}/projects"), os.path.realpath(folder)
        if os.path.isabs(folder) and os.path.commonpath([inside, projects]) == projects:
            return inside
    except ValueError:  # a NUL in it
        pass
    raise PermissionError("the transcript is outside the client's folder")


def _own_file(descriptor: int, path: str) -> os.stat_result:
    """Its status; PermissionError where it is not a plain file of this user's with this one name."""
    status = os.fstat(descriptor)
    if status.st_mode & 0o170000 != 0o100000 or status.st_nlink != 1 or status.st_uid != os.geteuid():
        raise PermissionError(f"{path} is not a plain file of this user's")
    return status


def _claim(descriptor: int) -> None:
    """A lease: the kernel gives it where nobody else has the file open, and lets whoever opens it then wait for us.

    Where there are no leases (some file systems, other platforms), that no client has the session has to do.
    """
    try:
        import fcntl

        # Who waits makes the kernel send a signal: the usual one would end us, SIGURG does nothing.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except BlockingIOError:
        raise BlockingIOError("another process has the transcript open") from None
    except (ImportError, AttributeError, OSError):
        return
