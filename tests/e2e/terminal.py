"""A terminal that a test can type into and read: one program in a tmux server of its own."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from .processes import is_alive, wait_until

SIZE: Final = "120x40"


class Terminal:
    """One program in a private tmux server. Closing ends that server by its pid, which hangs up on the program."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], cwd: Path, size: str = SIZE) -> None:
        self._name = f"memguard-e2e-{uuid.uuid4().hex[:12]}"
        assignments = [f"{name}={value}" for name, value in environment.items()]
        program = shlex.join(["env", "-i", *assignments, *argv])
        width, height = size.split("x")
        # The options come before the session, or a program that ends at once would take its screen with it.
        options = ["set", "-g", "remain-on-exit", "on", ";", "set", "-g", "history-limit", "50000", ";"]
        session = ["new-session", "-d", "-x", width, "-y", height, "-c", str(cwd), f"exec {program}"]
        self._tmux("-f", "/dev/null", *options, *session)
        self.server_pid = int(self._format("#{pid}"))
        self._socket = Path(self._format("#{socket_path}"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is not None:
            error.add_note(f"the screen was:\n{self.screen()}")
        self.close()

    def close(self) -> None:
        """End this server, by its pid; it leaves its socket behind."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.server_pid, signal.SIGTERM)
        wait_until(lambda: not is_alive(self.server_pid), "end of the test's own tmux server")
        self._socket.unlink(missing_ok=True)

    @property
    def pid(self) -> int:
        """The pid of the program itself: every wrapper before it has exec'd."""
        return int(self._format("#{pane_pid}"))

    @property
    def tty(self) -> Path:
        """The program's terminal."""
        return Path(self._format("#{pane_tty}"))

    def modes(self) -> dict[str, bool]:
        """What a full-screen program switches on, and what has to be off again when it is gone."""
        names = {"alternate_screen": "alternate_on", "mouse": "mouse_any_flag", "cursor": "cursor_flag"}
        values = self._format(",".join(f"#{{{flag}}}" for flag in names.values())).split(",")
        return {name: value == "1" for name, value in zip(names, values, strict=True)}

    def exit_status(self) -> int | None:
        """How the program ended, as a shell counts it (128 + signal); None while it runs."""
        dead, status, signal_number = self._format("#{pane_dead},#{pane_dead_status},#{pane_dead_signal}").split(",")
        if signal_number:
            return 128 + int(signal_number)
        if dead == "1" and not status:
            os.kill(self.server_pid, signal.SIGCHLD)  # tmux 3.3a now and then misses it, and leaves a zombie
        return int(status) if status else None

    def wait_for_exit(self, timeout_s: float = 20) -> int:
        """Wait until the program is gone, and return its status."""
        wait_until(lambda: self.exit_status() is not None, "end of the program", timeout_s, self.screen)
        return self.exit_status() or 0

    def type(self, line: str) -> None:
        """Type the text as it stands, without Enter."""
        self._tmux("send-keys", "-l", "--", line)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names: Enter, Escape, BTab, C-c."""
        self._tmux("send-keys", *keys)

    def press_until(self, key: str, condition: Callable[[], object], timeout_s: float = 20) -> None:
        """Press a key once a second until the condition holds: what is drawn may not yet take keys."""
        pressed_s = 0.0

        def held() -> object:
            nonlocal pressed_s
            if not (found := condition()) and time.monotonic() - pressed_s > 1:
                pressed_s = time.monotonic()
                self.press(key)
            return found

        wait_until(held, f"effect of {key}", timeout_s, self.screen)

    def send(self, line: str) -> None:
        """Type a line, see it on the screen, press Enter: all at once, the client takes it for a paste."""
        self.type(line)
        self.wait_for(line[-20:])
        self.press("Enter")

    def screen(self) -> str:
        """What the person sees."""
        return self._tmux("capture-pane", "-p")

    def history(self) -> str:
        """The screen with all that has scrolled off it."""
        return self._tmux("capture-pane", "-p", "-S", "-")

    def wait_for(self, wanted: str | Callable[[str], bool], timeout_s: float = 20) -> str:
        """Wait until the screen shows a text or satisfies a predicate, and return it."""

        def shown() -> str:
            screen = self.screen()
            return screen if (wanted in screen if isinstance(wanted, str) else wanted(screen)) else ""

        return wait_until(shown, f"screen with {wanted!r}", timeout_s, self.screen)

    def _format(self, wanted: str) -> str:
        return self._tmux("display-message", "-p", wanted).rstrip("\n")

    def _tmux(self, *arguments: str) -> str:
        # Not the caller's environment: TMUX would make tmux speak to the terminal that the tests run in.
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "SHELL": "/bin/sh"}
        command = ["tmux", "-L", self._name, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
