"""Twenty-two secrets in a guarded session: not one in a plain file, nor in anything that memguard shows of a snapshot.

With `privacy = "exact"` they are kept, sealed, and still in no plain file.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from memguard.cli.main import main
from tests.sandbox import Sandbox, wait_until
from tests.transcripts import Transcript
from tests.unit.state.redact.conftest import needs_library

LETTERS = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA"
# Put together here, so that no scanner takes this file for a leak. No two share a part.
IN_PROMPT = {
    "anthropic key": "sk-" + "ant-api03-Pm" + LETTERS,
    "password in a URL": "Uq7pw" + "Kz4tR9x",
    "password by its name": "Bn8gT" + "ly4Wd2q",
}
IN_OUTPUT = {
    "github token": "ghp" + "_Ot" + LETTERS + "ab",
    "aws key id": "AKIA" + "QLOTPUTXMPLE2345"[:16],
    "aws secret key": "wJalrXUtn" + "FEMI/K7MDENG/bPxRfiCYzz4kOt9Q",
    "private key": "MIIEpAIBAAKCAQEAOt" + LETTERS + LETTERS,
    "json web token": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiJPdXRwdXQifQ.Ot" + LETTERS,
    "slack token": "xoxb" + "-912345678012-Ot" + LETTERS,
}
IN_INPUT = {
    "gitlab token": "glpat" + "-In7" + LETTERS[:17],
    "bearer header": "In9" + LETTERS[::-1],
    "basic authorization": "In5pw" + "Rk3mV8z",
}
IN_ENVIRONMENT = {
    "DATABASE_PASSWORD": "correct-horse-battery-En",
    "STRIPE_API_KEY": "sk" + "_live_En" + LETTERS[:24],
    "NOTIFY": "xoxp" + "-812345678012-En" + LETTERS,
}
IN_FLAGS = {
    "by look": "AIza" + "Fl" + LETTERS + "x",
    "in the variables of a server": "Fl6" + LETTERS[::-1][:24],
}
IN_TOOL_COMMAND = {"flag of a running tool": "Tc4pw" + "Ws9kN2b"}
IN_REMOTE = {"token in a remote": "ghp" + "_Rm" + LETTERS + "cd"}
IN_REASON = {"reason": "npm" + "_Rs" + LETTERS + "Qw"}
IN_AGENT = {"agent": "hf" + "_Ag" + LETTERS, "its description": "dckr" + "_pat_Ad" + LETTERS[:24]}
IN_TRANSCRIPTS = [IN_PROMPT, IN_OUTPUT, IN_INPUT]
ALL = [*IN_TRANSCRIPTS, IN_ENVIRONMENT, IN_FLAGS, IN_TOOL_COMMAND, IN_REMOTE, IN_REASON, IN_AGENT]
OF_THE_LIBRARY = "pat" + LETTERS[:14] + "." + "0123456789abcdef" * 4  # of Airtable, which the own rules don't know
SECRETS = [secret for group in ALL for secret in group.values()]

PROMPT = (
    f"use {IN_PROMPT['anthropic key']} and postgres://me:{IN_PROMPT['password in a URL']}@db.example.org/x, "
    f"then log in with password: {IN_PROMPT['password by its name']}; the table is {OF_THE_LIBRARY}"
)
OUTPUT = "\n".join([
    f"token {IN_OUTPUT['github token']}", f"aws_access_key_id = {IN_OUTPUT['aws key id']}",
    f"aws_secret_access_key = {IN_OUTPUT['aws secret key']}", f"-----BEGIN RSA {'PRIVATE'} KEY-----",
    IN_OUTPUT["private key"], f"-----END RSA {'PRIVATE'} KEY-----", f"Set-Token: {IN_OUTPUT['json web token']}",
    json.dumps({"slack": IN_OUTPUT["slack token"]}),
])  # fmt: skip
TOOL = (
    f": GITLAB_TOKEN={IN_INPUT['gitlab token']} -H 'Authorization: Bearer {IN_INPUT['bearer header']}'; "
    f": curl -u me:{IN_INPUT['basic authorization']} https://example.org; cat output.txt; "
    f"python3 -c 'import time; time.sleep(2)' --password={IN_TOOL_COMMAND['flag of a running tool']}; true"
)
FLAGS = (
    f"--append-system-prompt=the key is {IN_FLAGS['by look']}",
    "--mcp-config="
    + json.dumps({"mcpServers": {"x": {"env": {"API_TOKEN": IN_FLAGS["in the variables of a server"]}}}}),
)


class Planted:
    """A guarded session with secrets wherever a session has anything."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.temporary = sandbox.folder / "tmp"
        self.temporary.mkdir(mode=0o700)
        sandbox.environment |= {**IN_ENVIRONMENT, "TMPDIR": str(self.temporary)}
        (sandbox.project / "output.txt").write_text(OUTPUT)
        remote = f"https://me:{IN_REMOTE['token in a remote']}@github.com/me/x.git"
        for words in (("init", "--quiet"), ("remote", "add", "origin", remote), ("add", "output.txt")):
            subprocess.run(["git", *words], cwd=sandbox.project, check=True, env=sandbox.environment)
        sandbox.memguard("init")

    def run(self, *, restarts: bool) -> None:
        """One turn, a snapshot while its tool runs and one at its end; a restart, where there is to be one."""
        box = self.sandbox
        session = box.start(
            "--steps", "1", "--leak-mb", "1", "--step-s", "0.1", "--hold", f"--tool={TOOL}", PROMPT, *FLAGS
        )  # fmt: skip
        try:
            wait_until(self._tool_runs, "the tool")
            box.memguard("snapshot", "--reason", f"because of {IN_REASON['reason']}")
            self._delegate()
            wait_until(lambda: any(line["event"] == "Stop" for line in box.spool()), "the turn is over")
            first = box.client_pid()
            if restarts:
                box.memguard("restart")
                wait_until(lambda: box.client_pid() not in (0, first), "another client")
                wait_until(
                    lambda: len([line for line in box.spool() if line["event"] == "SessionStart"]) > 1, "its start"
                )
            box.memguard("snapshot", "--reason", f"because of {IN_REASON['reason']}")
        finally:
            session.terminate()
            session.communicate(timeout=30)

    def _tool_runs(self) -> bool:
        words = [_bytes_of(Path(f"/proc/{pid}/cmdline")).split(b"\0") for pid in self.sandbox.pids()]
        return any(b"import time; time.sleep(2)" in line for line in words)

    def _delegate(self) -> None:
        """A sub-agent, as the client keeps it."""
        (transcript,) = self.sandbox.home.glob(".claude/projects/*/*.jsonl")
        folder = transcript.with_suffix("") / "subagents"
        Transcript(folder / "agent-a1.jsonl").prompt(f"log in with {IN_AGENT['agent']}")
        description = json.dumps({"agentType": "x", "description": f"with {IN_AGENT['its description']}"})
        (folder / "agent-a1.meta.json").write_text(description)

    def plain_files(self) -> Iterator[Path]:
        """Everything below state, runtime and temporary folder."""
        for top in (self.sandbox.state, self.sandbox.runtime, self.temporary):
            yield from (path for path in top.rglob("*") if path.is_file())

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Look at all plain files again and again, so that one that is there for a moment is seen, too."""
        found, known, is_over = set[str](), dict[Path, tuple[int, int, int]](), threading.Event()

        def look() -> None:
            while not is_over.wait(0.05):
                found.update(self._found(known))

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()
        assert found | set(self._found({})) == set()

    def _found(self, known: dict[Path, tuple[int, int, int]]) -> Iterator[str]:
        """Secrets in files that are not as they are known."""
        for path in self.plain_files():
            if known.get(path) != (state := _state_of(path)):
                content, known[path] = _bytes_of(path), state
                yield from (f"{secret} in {path}" for secret in SECRETS if secret.encode() in content)

    def shown(self) -> dict[str, str]:
        """All that memguard shows of its snapshots, and what an export of them holds when it is opened elsewhere."""
        archive, shown = str(self.sandbox.folder / "archive"), {}
        for number, entry in enumerate(json.loads(self._says("snapshots", "list", "--json"))):
            shown[f"show {number}"] = self._says("snapshots", "show", entry["id"])
            shown[f"show --json {number}"] = self._says("snapshots", "show", entry["id"], "--json")
            shown[f"digest {number}"] = self._says("restore", entry["id"], "--digest")
        shown["list"] = self._says("snapshots", "list")
        shown["transcript"] = self._rebuilt("rebuilt.jsonl")
        self._says("snapshots", "export", "latest", archive)
        shown["export"] = Path(archive).read_bytes().decode("latin-1")
        self._says("snapshots", "import", archive)
        shown["show --json of the export"] = self._says("snapshots", "show", "latest", "--json")
        shown["transcript of the export"] = self._rebuilt("rebuilt-from-export.jsonl")
        return shown

    def _rebuilt(self, name: str) -> str:
        path = self.sandbox.folder / name
        self._says("restore", "latest", "--transcript", str(path))
        return path.read_text()

    def _says(self, *words: str) -> str:
        """What a command prints. In this process: starting twenty others would take most of the test's time."""
        output = io.StringIO()
        with (
            mock.patch.dict(os.environ, self.sandbox.environment, clear=True),
            contextlib.chdir(self.sandbox.project),
            contextlib.redirect_stdout(output),
        ):
            assert main(words) == 0
        return output.getvalue()


def _state_of(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return status.st_ino, status.st_size, status.st_mtime_ns


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.fixture
def planted(sandbox: Sandbox) -> Planted:
    return Planted(sandbox)


@pytest.mark.parametrize("rules", ["own", pytest.param("all", marks=needs_library)])
def test_planted_secrets_are_in_no_plain_file_and_in_nothing_that_is_shown(planted: Planted, rules: str) -> None:
    assert len(set(SECRETS)) >= 20
    if rules == "all":
        planted.sandbox.use_all_rules()
    with planted.watched():
        planted.run(restarts=True)
        shown = planted.shown()
    assert [(secret, where) for where, text in shown.items() for secret in SECRETS if secret in text] == []
    assert (OF_THE_LIBRARY in "".join(shown.values())) is (rules == "own")
    (transcript,) = planted.sandbox.home.glob(".claude/projects/*/*.jsonl")
    told = transcript.read_text()
    assert all(json.dumps(secret)[1:-1] in told for group in IN_TRANSCRIPTS for secret in group.values())
    assert shown["transcript"].count("[redacted:") >= sum(map(len, IN_TRANSCRIPTS))
    assert shown["transcript of the export"] == shown["transcript"]
    assert all(json.loads(line) for line in shown["transcript"].splitlines())


def test_with_exact_they_are_kept_sealed_and_in_no_plain_file(planted: Planted) -> None:
    planted.sandbox.config('privacy = "exact"\n')
    planted.sandbox.memguard("init")
    with planted.watched():
        planted.run(restarts=False)
        shown = planted.shown()
    for group in IN_TRANSCRIPTS:
        assert [secret for secret in group.values() if secret not in json.dumps(shown["transcript"])] == []
    kept = shown["show --json 0"] + shown["show --json 1"]
    assert [secret for secret in IN_ENVIRONMENT.values() if secret not in kept] == []
    assert all(secret not in shown["export"] for secret in SECRETS)
    assert os.listdir(planted.temporary) == []
