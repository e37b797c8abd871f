"""Secrets on command lines: the values of flags, by the flag's name, and of short flags by the program that takes them.

`-p` is a password to `mysql`, a port to `ssh` and a prompt to `claude`, so it is one only behind a program of the list.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from memguard.state.redact.span import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PASSWORD = 2
# What follows the flag: the secret itself, or `user:secret`.
_ALONE, _AFTER_COLON = "alone", "after colon"
_SHORT_FLAGS = {
    "sshpass": {"-p": _ALONE},
    "mysql": {"-p": _ALONE}, "mysqldump": {"-p": _ALONE}, "mysqladmin": {"-p": _ALONE}, "mariadb": {"-p": _ALONE},
    "mongo": {"-p": _ALONE}, "mongosh": {"-p": _ALONE}, "mongodump": {"-p": _ALONE},
    "redis-cli": {"-a": _ALONE},
    "docker": {"-p": _ALONE}, "podman": {"-p": _ALONE}, "helm": {"-p": _ALONE},
    "ldapsearch": {"-w": _ALONE}, "ldapmodify": {"-w": _ALONE},
    "curl": {"-u": _AFTER_COLON, "--user": _AFTER_COLON, "--proxy-user": _AFTER_COLON},
    "http": {"-a": _AFTER_COLON}, "smbclient": {"-U": _AFTER_COLON},
}  # fmt: skip
# `docker run -p 80:80` publishes a port; what stands behind this word logs in.
_ONLY_BEHIND = {"docker": "login", "podman": "login", "helm": "login"}
_LONGEST_COMMAND_BYTES = 512  # from the program to the flag
_PROGRAM = re.compile(
    rb"""(?:(?<=[\s/"'`(|&;=])|(?<![^\r\n]))(?:%b)(?=(?:\.exe)?[ \t])"""
    % b"|".join(name.encode() for name in sorted(_SHORT_FLAGS, reverse=True))
)
_FLAG = re.compile(
    rb""" (?P<flag>-[puaUw]|--user|--proxy-user)(?P<gap>[ \t=]{0,3})["']?(?P<value>[^\s"'`|;&<>$]{3,256}+)"""
)
_NEXT_COMMAND = re.compile(rb"[|;&\r\n]")
_NO_SECRET = re.compile(r"\[redacted.*|-.*|[0-9:./]*|\$.*")


def command_spans(text: bytes) -> Iterator[Span]:
    """The secrets of command lines in a view, by program and flag."""
    program: re.Match[bytes] | None = None
    searched = 0
    for match in _FLAG.finditer(text):
        least = match.start() - _LONGEST_COMMAND_BYTES
        programs = list(_PROGRAM.finditer(text, max(searched, least, 0), match.start() + 1))
        program, searched = programs[-1] if programs else program, match.start()
        if program and program.start() >= least and not _NEXT_COMMAND.search(text, program.end(), match.start()):
            yield from _flag_span(text, program, match)


def _flag_span(text: bytes, program: re.Match[bytes], match: re.Match[bytes]) -> Iterator[Span]:
    flag, value = match["flag"].decode(), match["value"].decode()
    words = text[program.end() : match.start()].decode().split()
    start = _secret_start(program[0].decode(), words, flag, value)
    if start >= 0 and (match["gap"] or len(flag) == 2):  # `-psecret`
        yield Span(match.start("value") + start, match.end("value"), "password", _PASSWORD)


def short_flag_secret(words: list[str], place: int) -> int:
    """Where in the word at `place` a secret begins that the program's own flag announces; -1 where none does."""
    programs = [os.path.basename(word) for word in words[:place]]
    known = [name for name in programs if name in _SHORT_FLAGS]
    if not known:
        return -1
    word, before = words[place], words[place - 1]
    if before in _SHORT_FLAGS[known[-1]]:
        return _secret_start(known[-1], programs, before, word)
    start = _secret_start(known[-1], programs, word[:2], word[2:]) if len(word) > 4 else -1
    return start + 2 if start >= 0 else -1


def _secret_start(program: str, words: Iterable[str], flag: str, value: str) -> int:
    """Where the secret in a flag's value begins; -1 where there is none."""
    form = _SHORT_FLAGS[program].get(flag)
    needed = _ONLY_BEHIND.get(program)
    if form is None or _NO_SECRET.fullmatch(value) or (needed and needed not in words):
        return -1
    if form is _ALONE:
        return 0
    secret = value.partition(":")[2]
    return -1 if not secret or _NO_SECRET.fullmatch(secret) else len(value) - len(secret)
