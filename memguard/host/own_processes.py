"""Which processes are memguard's own: never to be ended with what a session left."""

import itertools
import os

from memguard.host.linux import read_bytes

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))).encode()
_PROGRAMS = (
    _PACKAGE + b"/watchdog/__main__.py",
    _PACKAGE + b"/launcher/__main__.py",
    os.path.dirname(_PACKAGE) + b"/claude_hooks/",
)
# Interpreter, its options (`core.spawn.resident_python` has five), script or module: no later word says what it is.
_FIRST_WORDS = 8


def is_own_process(pid: int, proc: str = "/proc") -> bool:
    """Whether a command line is a launcher's, a watchdog's, a hook's or a worker's.

    Anybody can give itself such a command line, and is then left alone, which costs memory and nothing else.
    """
    words = read_bytes(f"{proc}/{pid}/cmdline", 8192).split(b"\0")[:_FIRST_WORDS]
    if any(word.startswith(_PROGRAMS) for word in words[1:]):
        return True
    modules = [after for word, after in itertools.pairwise(words) if word == b"-m"]
    if any(module == b"memguard" or module.startswith(b"memguard.") for module in modules):
        return True
    return any(os.path.basename(word) == b"memguard" for word in words[:2])
