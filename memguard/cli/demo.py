"""`memguard demo`: the whole cycle with the leaky client, in a temporary home, told as it happens."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from memguard.core.errors import HostError
from memguard.core.layout import STATUS
from memguard.core.units import format_size
from memguard.demo import leaky_client
from memguard.host import confirm, current

_LIMIT = "260MB"
_STEPS = 12
_LEAK_MB = 40
# Each client idles until its footprint has settled (5 s), then leaks for 3 s; the demo takes about 15 s.
_TIMEOUT_S = 60
_MEANING = {
    "watch": "goes on watching",
    "wait": "waits for the turn to end",
    "restart": "restarts it: snapshot, SIGTERM, sweep, relaunch",
    "restart-now": "restarts it at once",
}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("demo", help="the whole cycle with a leaky client, no account needed")
    parser.add_argument("--keep", action="store_true", help="keep the temporary home and say where it is")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the demo; 0 when the client was restarted and its turn carried on to the end."""
    home = tempfile.mkdtemp(prefix="memguard-demo-")
    try:
        return Demo(home).run()
    finally:
        if arguments.keep:
            print(f"kept: {home}")
        else:
            shutil.rmtree(home, ignore_errors=True)


class Demo:
    """One demo in one temporary home: own state, own runtime folder, own project, own client."""

    def __init__(self, home: str) -> None:
        self.home = home
        self.project = f"{home}/project"
        self.began_s = time.monotonic()
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TERM", "SYSTEMROOT") if name in os.environ}
        self.environment = kept | {"HOME": home, "XDG_RUNTIME_DIR": f"{home}/runtime", "TMPDIR": home}
        for folder in (self.project, f"{home}/runtime"):
            os.mkdir(folder, 0o700)

    def run(self) -> int:
        """The cycle, one paragraph a part."""
        self._say("a new project in a temporary home; nothing of yours is touched")
        self._write_project()
        self._show("memguard init", self._memguard("init"))
        self._say(f"starting a client that leaks {_LEAK_MB} MB at each of {_STEPS} steps; its limit is {_LIMIT}")
        code = self._session()
        self._show("memguard snapshots list", self._memguard("snapshots", "list"))
        return self._verdict(code)

    def _write_project(self) -> None:
        os.makedirs(f"{self.home}/.config/memguard")
        with open(f"{self.home}/.config/memguard/config.toml", "w", encoding="utf-8") as file:
            file.write(f'[thresholds]\ncritical = "{_LIMIT}"\nemergency = "2GB"\n')
            file.write("[restart_policy]\nboundary_timeout = 1\n")
        client = f"{self.home}/claude"
        with open(client, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{leaky_client.__file__}" "$@"\n')
        os.chmod(client, 0o700)

    def _session(self) -> int:
        """`memguard run` as the person types it, with a thread that tells what it holds."""
        words = [sys.executable, "-I", "-m", "memguard.cli", "run", "--client", f"{self.home}/claude", "--"]
        words += ["--steps", str(_STEPS), "--leak-mb", str(_LEAK_MB), "count to twelve"]
        session = subprocess.Popen(words, cwd=self.project, env=self.environment, stdin=subprocess.DEVNULL)
        teller = threading.Thread(target=self._tell, args=(session,), daemon=True)
        teller.start()
        try:
            return session.wait(_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            session.terminate()
            raise HostError("the demo took too long", "run it again on a quieter machine") from None
        finally:
            teller.join(2)

    def _tell(self, session: subprocess.Popen[bytes]) -> None:
        """Say what the watchdog sees and thinks, whenever that changes."""
        told = ("", "", "")
        while session.poll() is None:
            status = self._status()
            seen = (status.get("client", ""), status.get("state", ""), status.get("action", ""))
            if status and seen != told:
                pid = int(status["client"].split(":")[0])
                size = format_size(confirm.confirmed_bytes(current.read_tree(pid)))
                self._say(f"the watchdog sees client {pid} hold {size}: {seen[1]}, {_MEANING.get(seen[2], seen[2])}")
                told = seen
            time.sleep(0.1)

    def _status(self) -> dict[str, str]:
        base = f"{self.home}/runtime/memguard/guards"
        for guard in os.listdir(base) if os.path.isdir(base) else []:
            try:
                with open(f"{base}/{guard}/{STATUS}", encoding="utf-8") as file:
                    return {name: str(value) for name, value in json.load(file).items()}
            except (OSError, ValueError):
                continue
        return {}

    def _memguard(self, *words: str) -> str:
        command = [sys.executable, "-I", "-m", "memguard.cli", *words]
        done = subprocess.run(
            command,
            cwd=self.project,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            raise HostError(
                f"`memguard {words[0]}` failed in the demo: {done.stderr.strip()[:300]}", "see the line above"
            )
        return done.stdout

    def _verdict(self, code: int) -> int:
        """Whether the person's turn was carried on: every step done, none twice, by more than one client.

        A step that a restart cut off may have taken effect, so memguard denies its re-run, once: it may be missing.
        """
        with open(f"{self.project}/steps.txt", encoding="utf-8") as file:
            steps = [int(line) for line in file]
        restarts = self._restarts()
        cut_off = sorted(set(range(1, _STEPS + 1)).difference(steps))
        whole = steps == sorted(set(steps)) and len(cut_off) <= len(restarts)
        self._say(f"steps done: {' '.join(map(str, steps))}; restarts: {len(restarts)}; exit code {code}")
        if not (whole and restarts and code == 0):
            raise HostError("the demo did not go as it should", "run it with --keep and look at the files")
        size = format_size(float(str(restarts[0]["footprint_bytes"])))
        done = "every step was done once"
        if cut_off:
            done = f"no step was done twice (step {cut_off[0]} was running then, and its re-run held back)"
        self._say(f"the client was restarted at {size}, its turn was carried on, and {done}")
        return 0

    def _restarts(self) -> list[dict[str, object]]:
        found = []
        for parent, _, files in os.walk(f"{self.home}/.local/state/memguard"):
            if "events.jsonl" in files:
                with open(f"{parent}/events.jsonl", encoding="utf-8") as file:
                    found += [event for event in map(json.loads, file) if event["event"] == "restart_initiated"]
        return found

    def _say(self, text: str) -> None:
        print(f"[{time.monotonic() - self.began_s:4.1f} s] {text}", flush=True)

    def _show(self, command: str, output: str) -> None:
        self._say(f"$ {command}")
        print("".join(f"    {line}\n" for line in output.splitlines()), end="", flush=True)
