"""A program that behaves like Claude Code where memguard looks, and leaks: for `memguard demo` and for tests.

It keeps a transcript and a registry entry where the client does, runs the hooks of the project's settings with the
client's JSON and variables, runs tool calls as real processes in process sessions of their own, exits 143 on SIGTERM,
and takes an interrupted turn up again with `--resume`. What it can't do is think: its turn is a number of steps.

    leaky_client.py [--steps N] [--leak-mb N] [--step-s S] [--tool=COMMAND] [--resume ID] [--ignore-term] [--hold]
                    [PROMPT]

One step is one tool call (by default one that writes the step's number) and one leak. The flags that the real client
would get are accepted and ignored.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import uuid

_MB = 1024 * 1024
_TOOL_TIMEOUT_S = 60


class Stopped(Exception):  # noqa: N818  not an error: SIGTERM asked for the end
    """The client was asked to end."""


class Client:
    """One run of the client: its session, its transcript, its hooks."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.session = options.resume or str(uuid.uuid4())
        self.cwd = os.getcwd()
        self.config_dir = os.environ.get("CLAUDE_CONFIG_DIR") or os.path.expanduser("~/.claude")
        slug = "".join(c if c.isalnum() else "-" for c in self.cwd)
        self.transcript = f"{self.config_dir}/projects/{slug}/{self.session}.jsonl"
        self.registry = f"{self.config_dir}/sessions/{os.getpid()}.json"
        self.hooks = _hooks(self.cwd)
        self.held: list[bytearray] = []
        self.mode = options.permission_mode

    def run(self) -> int:
        """The whole life of the client; returns its exit code."""
        for path in (self.transcript, self.registry):
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        self._status("idle")
        self._fire("SessionStart", source="resume" if self.options.resume else "startup")
        try:
            self._turn()
            while self.options.hold:
                time.sleep(0.2)
        except Stopped:
            self._fire("SessionEnd", reason="other")
            os.unlink(self.registry)
            print(f"claude --resume {self.session}", flush=True)
            return 128 + signal.SIGTERM
        self._fire("SessionEnd", reason="prompt_input_exit")
        os.unlink(self.registry)
        return 0

    def _turn(self) -> None:
        done = _steps_done(self.transcript)
        if self.options.resume and os.environ.get("CLAUDE_CODE_RESUME_INTERRUPTED_TURN") != "1":
            return
        self._status("busy")
        if not self.options.resume:
            prompt = self.options.prompt or "count"
            self._fire("UserPromptSubmit", prompt=prompt)
            self._write({"type": "user", "message": {"role": "user", "content": prompt}})
        for step in range(done + 1, self.options.steps + 1):
            self._step(step)
        self._status("idle")
        self._fire("Stop", stop_hook_active=False, background_tasks=[])
        self._write({"type": "system", "subtype": "turn_duration"})

    def _step(self, step: int) -> None:
        """One tool call: hooks around a real process that writes the step's number."""
        call = f"toolu_{self.session[:8]}_{step}"
        command = self.options.tool or f"echo {step} >> steps.txt"
        content: dict[str, object] = {"type": "tool_use", "id": call, "name": "Bash", "input": {"command": command}}
        self._write({"type": "assistant", "message": {"role": "assistant", "content": [content]}})
        denied = self._fire("PreToolUse", tool_name="Bash", tool_input={"command": command}, tool_use_id=call)
        failure, output = (denied, denied) if denied else self._bash(command)
        event = "PostToolUseFailure" if failure else "PostToolUse"
        self._fire(event, tool_name="Bash", tool_input={"command": command}, tool_use_id=call)
        result = {"type": "tool_result", "tool_use_id": call, "content": output}
        self._write({"type": "user", "message": {"role": "user", "content": [result]}})
        print(f"  step {step} of {self.options.steps} done", flush=True)
        self.held.append(_touched(self.options.leak_mb * _MB))
        time.sleep(self.options.step_s)

    def _bash(self, command: str) -> tuple[str, str]:
        """Why it failed (empty where it didn't), and what it printed."""
        environment = {
            **os.environ,
            "CLAUDECODE": "1",
            "CLAUDE_PID": str(os.getpid()),
            "CLAUDE_CODE_SESSION_ID": self.session,
        }
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            env=environment,
            start_new_session=True,
            capture_output=True,
            timeout=_TOOL_TIMEOUT_S,
            check=False,
        )
        failure = f"Exit code {done.returncode}" if done.returncode else ""
        return failure, f"{failure}\n".lstrip() + done.stdout.decode("utf-8", "replace")

    def _fire(self, event: str, **fields: object) -> str:
        """Run the event's hooks; shows what is for the person, returns why a tool call is denied (or nothing)."""
        common = {
            "session_id": self.session,
            "transcript_path": self.transcript,
            "cwd": self.cwd,
            "permission_mode": self.mode,
            "hook_event_name": event,
        }
        denied = ""
        for hook in self.hooks.get(event, []):
            answer = self._run_hook(hook, {**common, **fields})
            if answer.get("systemMessage"):
                print(f"  {answer['systemMessage']}", flush=True)
            specific = answer.get("hookSpecificOutput") or {}
            if specific.get("additionalContext"):
                self._write({"type": "attachment", "context": specific["additionalContext"]})
            if specific.get("permissionDecision") == "deny":
                denied = specific.get("permissionDecisionReason", "denied")
        return denied

    def _run_hook(self, hook: list[str], event: dict[str, object]) -> dict[str, dict[str, str]]:
        environment = {
            **os.environ,
            "CLAUDECODE": "1",
            "CLAUDE_PID": str(os.getpid()),
            "CLAUDE_CODE_SESSION_ID": self.session,
            "CLAUDE_PROJECT_DIR": self.cwd,
        }
        text = json.dumps(event, separators=(",", ":")).encode()
        done = subprocess.run(
            hook, env=environment, input=text, start_new_session=True, capture_output=True, timeout=10, check=False
        )
        try:
            answer = json.loads(done.stdout or b"{}")
        except ValueError:
            return {}
        return answer if isinstance(answer, dict) else {}

    def _write(self, entry: dict[str, object]) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        common = {"sessionId": self.session, "cwd": self.cwd, "uuid": str(uuid.uuid4()), "timestamp": stamp}
        with open(self.transcript, "a", encoding="utf-8", opener=_private) as file:
            file.write(json.dumps({**common, **entry}, separators=(",", ":")) + "\n")

    def _status(self, status: str) -> None:
        record = {
            "pid": os.getpid(),
            "procStart": _started(),
            "sessionId": self.session,
            "cwd": self.cwd,
            "kind": "interactive",
            "status": status,
        }
        with open(self.registry, "w", encoding="utf-8", opener=_private) as file:
            json.dump(record, file)


def _started() -> str:
    """When this process began, as the client writes it down on Linux: in ticks."""
    try:
        with open("/proc/self/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[19].decode()
    except OSError:
        return ""


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _hooks(cwd: str) -> dict[str, list[list[str]]]:
    """Event -> command lines, from the project's settings."""
    found: dict[str, list[list[str]]] = {}
    for name in ("settings.json", "settings.local.json"):
        try:
            with open(f"{cwd}/.claude/{name}", encoding="utf-8") as file:
                settings = json.load(file)
        except (OSError, ValueError):
            continue
        for event, groups in settings.get("hooks", {}).items():
            for hook in (hook for group in groups for hook in group["hooks"]):
                words = [hook["command"], *hook["args"]] if "args" in hook else ["/bin/sh", "-c", hook["command"]]
                found.setdefault(event, []).append(words)
    return found


def _steps_done(transcript: str) -> int:
    """How many steps the transcript holds results of."""
    try:
        with open(transcript, encoding="utf-8") as file:
            return file.read().count('"tool_result"')
    except OSError:
        return 0


def _touched(size_bytes: int) -> bytearray:
    """Memory that is really held: every page written to."""
    block = bytearray(size_bytes)
    block[::4096] = b"\1" * len(range(0, size_bytes, 4096))
    return block


def _stop(_number: int, _frame: object) -> None:
    raise Stopped


def main() -> int:
    """Read the command line and live."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--leak-mb", type=int, default=40)
    parser.add_argument("--step-s", type=float, default=0.5)
    parser.add_argument("--tool", default="", help="the shell command of every step")
    parser.add_argument("--resume", default="")
    parser.add_argument("--permission-mode", default="default")
    parser.add_argument("--ignore-term", action="store_true")
    parser.add_argument("--hold", action="store_true", help="stay at the prompt when the turn is over")
    parser.add_argument("prompt", nargs="?")
    options, _ = parser.parse_known_args()
    signal.signal(signal.SIGTERM, signal.SIG_IGN if options.ignore_term else _stop)
    return Client(options).run()


if __name__ == "__main__":
    sys.exit(main())
