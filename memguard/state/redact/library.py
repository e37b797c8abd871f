"""The rules of a library, where it is installed (the extra `secrets`): Kingfisher's, 488 in one automaton.

Compiling them takes 5 s, which no capture has: `memguard init` and `memguard run` have it done once, in a process of
its own, and it is kept below memguard's own state folder. Loading what was kept takes 0.4 s, so it is begun in a thread
as soon as the folder is known, and scanning waits for it. Scanning holds no lock of the interpreter and never uses the
network: what could (its validators) is not touched here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from memguard.core.layout import private_dir
from memguard.state.files import create, read_private, read_small
from memguard.state.redact.anchors import OWN_PREFIX, rules_file
from memguard.state.redact.span import Span

if TYPE_CHECKING:
    from kingfisher_sdk import Finding, Scanner

_PACKAGE = "kingfisher_sdk"
RULES_FOLDER = "rules"  # below the state folder
_RANK = 2
_COMPILED, _OWN_FILE = ".vscdb", "own.yml"
# With the version and a digest of the own file behind it: which compiled file, of what size and time, is theirs. Where
# that is not as it says, the library would compile anew, for 5 s, in the middle of a capture.
_READY = "kingfisher-"
_LONGEST_MARK = 256
# Ordinary text takes 5 ms per MB, text that is all secrets 900. What takes longer goes in pieces, and what takes longer
# in a piece is left to the own set, and said: a restart waits for this.
_LEAST_S, _S_PER_BYTE, _PIECES_S_PER_BYTE = 0.5, 1e-6, 4e-6
_PIECE_BYTES, _SHARED_BYTES = 4096, 1024
_PIECE_S, _SHORTEST_S = 0.1, 0.001
# Of what the library finds only to go with another secret, these are secrets themselves; the rest are ids and hosts.
_SECRET_PART = re.compile(
    r"(?:secret|secret-access|access|api|consumer|application)[-_]key|secret\Z|security-token|passphrase"
)
# A rule for keys goes on from where one is begun to where any other ends, and takes all between for it. Of a key that
# is longer than this, the own set finds the lines.
_LONGEST_BYTES = 8192
_SLUG = re.compile(r"[^a-z0-9]+")


class Look(NamedTuple):
    """What the library sees in a text: secrets, and where the own set is to look. Unless `is_sure`, anywhere."""

    spans: list[Span]
    own: list[Span]
    is_sure: bool


_BLIND = Look([], [], is_sure=False)


class _NotCompiledError(Exception):
    """Nothing of this version was kept."""


class Library:
    """One library's rules, loaded once per process; compiled too, where this is the process that `compiles`."""

    def __init__(self, state_dir: str, *, compiles: bool = False) -> None:
        self._compiles = compiles
        self._unseen_bytes = 0
        self._trouble = ""
        self._name = ""
        self._scanner: Scanner | None = None
        self.folder = os.path.join(state_dir, RULES_FOLDER)
        # No daemon: one that comes back from native code while the interpreter ends takes the process down with it.
        self._thread = threading.Thread(target=self._load)
        self._thread.start()

    @property
    def trouble(self) -> str:
        """Why it isn't used, or what it has not looked at, in one line; empty where it isn't installed."""
        unseen = (
            f"kingfisher gave up on {self._unseen_bytes} bytes that it is too slow at" if self._unseen_bytes else ""
        )
        return self._trouble or unseen

    @property
    def name(self) -> str:
        """Name and version, such as `kingfisher 1.5.0`; empty where it isn't used. Waits until it is loaded."""
        self._thread.join()
        return self._name if self._scanner else ""

    def look(self, text: bytes) -> Look:
        """What it sees in a view. Where it isn't used, or fails at it, which is the end of its use: nothing, unsure."""
        self._thread.join()
        if self._scanner is None:
            return _BLIND
        try:
            return self._whole(self._scanner, text.replace(b"\r", b"\n"))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001  a panic in native code derives from BaseException
            self._fail(error)
            return _BLIND

    def _whole(self, scanner: Scanner, text: bytes) -> Look:
        try:
            return _looked_at(scanner, text, 0, _LEAST_S + len(text) * _S_PER_BYTE)
        except TimeoutError:
            return self._in_pieces(scanner, text)

    def _in_pieces(self, scanner: Scanner, text: bytes) -> Look:
        """Some of its expressions take a time that grows with the square of the text, where that is made for it."""
        spans: list[Span] = []
        end_s = time.monotonic() + _LEAST_S + len(text) * _PIECES_S_PER_BYTE
        for start in range(0, len(text), _PIECE_BYTES):
            begin = max(0, start - _SHARED_BYTES)
            piece = text[begin : start + _PIECE_BYTES]
            try:
                left_s = max(end_s - time.monotonic(), _SHORTEST_S)
                spans += _looked_at(scanner, piece, begin, min(left_s, _PIECE_S)).spans
            except TimeoutError:
                self._unseen_bytes += len(piece)
        return Look(spans, [], is_sure=False)

    def _load(self) -> None:
        try:
            self._scanner, self._name = _kingfisher(self.folder, compiles=self._compiles)
        except ModuleNotFoundError as error:
            if error.name != _PACKAGE:
                self._fail(error)
        except _NotCompiledError:
            self._trouble = "kingfisher's rules are not compiled yet: `memguard init` or `memguard run` does it"
        except BaseException as error:  # noqa: BLE001  whatever it is, the own set holds
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._scanner = None
        self._trouble = f"kingfisher failed: {type(error).__name__}: {error}"[:200]


def _looked_at(scanner: Scanner, text: bytes, offset: int, timeout_s: float) -> Look:
    found = scanner.scan(text, timeout=timeout_s)
    own = [_span(one, offset) for one in found if one.rule_id.startswith(OWN_PREFIX)]
    return Look([_span(one, offset) for one in found if _counts(one)], own, is_sure=True)


def _counts(finding: Finding) -> bool:
    place = finding.location
    is_long = place["end_offset"] - place["start_offset"] > _LONGEST_BYTES
    is_part = not finding.visible and not _SECRET_PART.search(finding.rule_id)
    is_own = finding.rule_id.startswith(OWN_PREFIX)
    return not is_own and not is_part and (not is_long or finding.is_base64_encoded)


def _span(finding: Finding, offset: int) -> Span:
    place = finding.location
    return Span(offset + place["start_offset"], offset + place["end_offset"], kind_of(finding.rule_id), _RANK)


def kind_of(rule_id: str) -> str:
    """`github-pat` of `betterleaks.github-pat`, `sendgrid` of `veles.secrets/sendgrid`, without a number behind it."""
    name = re.sub(r"\A[a-z]+\.", "", rule_id.lower().rpartition("/")[2])
    return _SLUG.sub("-", re.sub(r"\.[0-9]+\Z", "", name)).strip("-")[:48]


def is_compiled(state_dir: str, version: str) -> bool:
    """Whether the rules of one version of the library, with this own set, are there to be loaded."""
    folder = os.path.join(state_dir, RULES_FOLDER)
    try:
        said = read_small(_mark(folder, version), _LONGEST_MARK).decode("utf-8", "replace")
    except (OSError, ValueError):
        return False
    return said in _compiled_files(folder)


def _mark(folder: str, version: str) -> str:
    own = hashlib.blake2b(rules_file().encode(), digest_size=8).hexdigest()
    return os.path.join(folder, f"{_READY}{version}-{own}")


def _compiled_files(folder: str) -> list[str]:
    """Name, size and time of each compiled file, the newest last."""
    with os.scandir(folder) as entries:
        found = [(entry.stat(), entry.name) for entry in entries if entry.name.endswith(_COMPILED)]
    by_time = sorted(found, key=lambda one: one[0].st_mtime_ns)
    return [f"{name} {status.st_size} {status.st_mtime_ns}" for status, name in by_time]


def _kingfisher(folder: str, *, compiles: bool) -> tuple[Scanner, str]:
    import kingfisher_sdk

    version = kingfisher_sdk.__version__
    if not compiles and not is_compiled(os.path.dirname(folder), version):
        raise _NotCompiledError
    private_dir(folder)
    rules = kingfisher_sdk.Rules([_own_file(folder)], cache_dir=folder)
    if rules.cache_status == "stored":
        _remove_older(folder)
    if compiles or rules.cache_status == "stored":
        _write(_mark(folder, version), _newest(folder).encode())
    return kingfisher_sdk.Scanner(rules, base64=True, dedup=False), f"kingfisher {version}"


def _newest(folder: str) -> str:
    compiled = _compiled_files(folder)
    if not compiled:
        raise OSError(f"what it compiled is not kept in {folder}")
    return compiled[-1]


def _own_file(folder: str) -> str:
    """The own set's anchors, written anew where they are not as they should be."""
    path, content = os.path.join(folder, _OWN_FILE), rules_file().encode()
    if not os.path.exists(path) or read_private(path, len(content) + 1) != content:
        _write(path, content)
    return path


def _write(path: str, content: bytes) -> None:
    name = os.path.basename(path)
    beside = os.path.join(os.path.dirname(path), f".{name}.{os.getpid()}")  # no mark before it is whole
    with contextlib.suppress(FileNotFoundError):
        os.remove(beside)
    with create(beside) as file:
        file.write(content)
    os.replace(beside, path)


def _remove_older(folder: str) -> None:
    """What another version has compiled is never loaded again."""
    compiled = [line.split(" ")[0] for line in _compiled_files(folder)]
    ready = [name for name in os.listdir(folder) if name.startswith(_READY)]
    for name in [*compiled[:-1], *ready]:
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(folder, name))
