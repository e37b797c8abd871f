"""The three plugins that ship: what they send and write, and what they refuse."""

from __future__ import annotations

import http.server
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memguard.plugins import OptionError
from memguard.plugins.desktop import DesktopNotifications
from memguard.plugins.event_log import EventLog
from memguard.plugins.events import event_of
from memguard.plugins.notifier import Notifier
from memguard.plugins.notifier_webhook import is_safe
from memguard.plugins.outbox import SendError
from memguard.plugins.wanted import sentence
from memguard.testing.plugin_events import SAMPLE_LINES, plugin_context, sample_events
from tests.sandbox import wait_until

SECRET = "not-for-anybody-else"
FAILED = event_of(SAMPLE_LINES["restart_failed"])


class Service(http.server.ThreadingHTTPServer):
    """A web service of the person's; it answers as `status` and `location` say."""

    status = 200
    location = ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Desk)
        self.seen: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class _Desk(http.server.BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, dict(self.headers), json.loads(body)))
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.end_headers()

    do_GET = do_POST  # noqa: N815  as the standard library names it

    def log_message(self, *_: object) -> None:
        """Not on the test's output."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()


def notifier(folder: Path, **options: Any) -> Notifier:
    return Notifier(plugin_context(folder, options, "notifier"))


def test_an_event_is_posted_with_the_secret_in_a_header_alone(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(0o600)
    path.write_text(f"{SECRET}\n")
    made = notifier(tmp_path, url=service.url, secret_file=str(path))
    for event in sample_events():
        made.event_recorded(event)
    made.stopping()
    sent = [document["event"] for _, _, document in service.seen]
    assert sent == ["memory_warning", "restart_initiated", "restart_completed", "restart_failed"], "the default"
    at, headers, document = service.seen[-1]
    assert (at, headers["Authorization"]) == ("/hook", f"Bearer {SECRET}")
    assert document["text"] == "a session was not restarted: 3 restarts within 60 min: no more of them"
    assert document["why"] == FAILED.fields["why"]
    assert SECRET not in json.dumps(document)


def test_the_secret_may_be_in_a_variable(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    made = notifier(tmp_path, url=service.url, secret_variable="HOOK_SECRET", events=["*"])
    made.event_recorded(event_of({"event": "part_ended"}))
    made.stopping()
    ((_, headers, document),) = service.seen
    assert (headers["Authorization"], document["text"]) == (f"Bearer {SECRET}", "part ended")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_takes_the_secret_elsewhere(service: Service, tmp_path: Path, status: int) -> None:
    path = tmp_path / "secret"
    path.touch(0o600)
    path.write_text(SECRET)
    with Service() as other:
        service.status, service.location = status, other.url
        threading.Thread(target=other.serve_forever, daemon=True).start()
        made = notifier(tmp_path, url=service.url, secret_file=str(path))
        made.event_recorded(FAILED)
        made.stopping()
        other.shutdown()
        assert len(service.seen) == 1
        assert other.seen == []


def test_after_three_that_fail_it_fails_itself_without_saying_where_to(service: Service, tmp_path: Path) -> None:
    service.status = 503
    made = notifier(tmp_path, url=f"{service.url}?token={SECRET}")
    for number in range(1, 4):
        made.event_recorded(FAILED)
        wait_until(lambda number=number: made._outbox._failures == number, "the answer")  # type: ignore[misc]
    with pytest.raises(SendError) as caught:
        made.event_recorded(FAILED)
    assert caught.value.what == "3 in a row could not be sent: HTTPError 503"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.org/x", True),
        ("http://127.0.0.1:8000/x", True),
        ("http://[::1]/x", True),
        ("http://localhost/x", True),
        ("http://example.org/x", False),
        ("http://127.0.0.1.example.org/", False),
        ("http://localhost@example.org/", False),
        ("file:///etc/passwd", False),
        ("ftp://localhost/x", False),
        ("https://", False),
        ("https://example.org:x/", False),
        ("https://example.org/\r\nX: y", False),
        ("", False),
    ],
)
def test_only_what_nobody_on_the_way_can_read_is_posted_to(url: str, expected: bool) -> None:
    assert is_safe(url) is expected


def test_a_program_gets_the_event_on_its_standard_input_and_no_shell_sees_it(tmp_path: Path) -> None:
    code = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + sys.argv[2] + '\\n')"
    odd = "$(touch x); `touch y`"
    made = notifier(tmp_path, command=[sys.executable, "-c", code, str(tmp_path / "got"), odd])
    made.event_recorded(FAILED)
    made.stopping()
    wait_until((tmp_path / "got").exists, "the program")
    text = wait_until((tmp_path / "got").read_text, "its file")
    assert json.loads(text.partition(odd)[0])["event"] == "restart_failed"


def test_a_program_that_fails_is_named_by_its_code(tmp_path: Path) -> None:
    made = notifier(tmp_path, command=["false"])
    for number in range(1, 4):
        made.event_recorded(FAILED)
        wait_until(lambda number=number: made._outbox._failures == number, "its end")  # type: ignore[misc]
    with pytest.raises(SendError, match="CalledProcessError 1"):
        made.event_recorded(FAILED)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "nothing to do": ({}, "neither url nor command"),
    "unknown": ({"urll": "https://x.org"}, "urll is not an option"),
    "a shell's line": ({"command": "rm -rf ~"}, "command must be a list of texts"),
    "events": ({"command": ["true"], "events": ["rm -rf"]}, "no event's name"),
    "plain http": ({"url": "http://example.org"}, "url must begin with https"),
    "two secrets": ({"url": "https://x.org", "secret_file": "a", "secret_variable": "b"}, "both set"),
    "no such file": ({"url": "https://x.org", "secret_file": "/not/there"}, "secret_file can't be read"),
    "no such variable": ({"url": "https://x.org", "secret_variable": "NOT_THERE_AT_ALL"}, "is not there"),
    "a folder": ({"url": "https://x.org", "secret_file": "/tmp"}, "secret_file"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_options_that_would_do_harm_or_nothing_are_refused(tmp_path: Path, what: str) -> None:
    options, words = REFUSED[what]
    with pytest.raises(OptionError, match=words):
        notifier(tmp_path, **options)


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(SECRET)
    path.chmod(0o644)
    with pytest.raises(OptionError, match="you alone may read"):
        notifier(tmp_path, url="https://x.org", secret_file=str(path))


def test_the_event_log_has_each_event_and_is_private(tmp_path: Path) -> None:
    log = EventLog(plugin_context(tmp_path, name="event-log"))
    for event in sample_events():
        log.event_recorded(event)
    path = tmp_path / "plugins" / "event-log" / "events.jsonl"
    assert [json.loads(line) for line in path.read_text().splitlines()] == list(SAMPLE_LINES.values())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_event_log_is_rotated_and_stays_private(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.touch(0o644)
    log = EventLog(plugin_context(tmp_path, {"path": str(path), "rotate_mb": 0.001, "keep": 2}, "event-log"))
    for _ in range(5):
        for event in sample_events():
            log.event_recorded(event)
    found = sorted(one.name for one in tmp_path.glob("log.jsonl*"))
    assert found == ["log.jsonl", "log.jsonl.1", "log.jsonl.2"]
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in found} == {0o600}
    assert all((tmp_path / name).stat().st_size <= 1048 for name in found)


def test_an_event_log_on_a_full_disk_fails_so_that_it_is_said() -> None:
    log = EventLog(plugin_context("/dev", {"path": "/dev/full"}, "event-log"))
    with pytest.raises(OSError, match="No space left"):
        log.event_recorded(FAILED)


@pytest.mark.parametrize(
    "options", [{"path": "relative"}, {"keep": 0}, {"rotate_mb": -1}, {"paths": "/x"}, {"keep": "5"}]
)
def test_an_event_log_refuses_odd_options(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        EventLog(plugin_context(tmp_path, options, "event-log"))


def test_an_event_log_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        EventLog(plugin_context(tmp_path, {"path": str(tmp_path / "link")}, "event-log"))


def test_each_event_has_words_for_a_person() -> None:
    said = {event.event: sentence(event) for event in sample_events()}
    assert said["memory_warning"] == "a session holds 900 MB: WARNING"
    assert said["restart_initiated"] == "restarting a session of 1.1 GB: footprint over the critical limit"
    assert said["restart_completed"] == "restarted; the session now holds 300 MB"
    observed = event_of({"event": "memory_threshold_exceeded", "would": "restart", "reason": "over the limit"})
    assert sentence(observed) == "would restart: over the limit"


# A desktop's notification service, as freedesktop.org specifies it; what it is shown goes to a file.
DESKTOP = """
import asyncio, sys
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_method as method
class Notifications(ServiceInterface):
    @method()
    def GetCapabilities(self) -> "as": return ["body"]
    @method()
    def GetServerInformation(self) -> "ssss": return ["test", "test", "1", "1.2"]
    @method()
    def Notify(self, app: "s", replaces: "u", icon: "s", title: "s", body: "s", actions: "as", hints: "a{sv}",
               timeout: "i") -> "u":
        open(sys.argv[1], "a").write(f"{app}|{title}|{body}\\n")
        return 1
async def main():
    bus = await MessageBus().connect()
    bus.export("/org/freedesktop/Notifications", Notifications("org.freedesktop.Notifications"))
    await bus.request_name("org.freedesktop.Notifications")
    print("ready", flush=True)
    await bus.wait_for_disconnect()
asyncio.run(main())
"""


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A message bus of this test's own, with a desktop on it; the file that it writes."""
    pytest.importorskip("desktop_notifier")
    bus = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address=1", f"--address=unix:path={tmp_path}/bus"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert bus.stdout is not None
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.stdout.readline().strip())
    shown = tmp_path / "shown"
    service = subprocess.Popen(
        [sys.executable, "-c", DESKTOP, str(shown)], stdout=subprocess.PIPE, env=dict(os.environ)
    )
    try:
        assert service.stdout is not None
        assert service.stdout.readline() == b"ready\n"
        yield shown
    finally:
        for process in (service, bus):
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def test_a_notification_is_shown_on_the_desktop(desktop: Path, tmp_path: Path) -> None:
    made = DesktopNotifications(plugin_context(tmp_path, {"events": ["restart_failed"]}, "desktop"))
    for event in sample_events():
        made.event_recorded(event)
    made.stopping()
    line = wait_until(lambda: desktop.exists() and desktop.read_text(), "the notification")
    assert line == "memguard|memguard: work|a session was not restarted: 3 restarts within 60 min: no more of them\n"


def test_the_users_bus_is_found_without_a_variable(
    desktop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a session that `memguard run` did not start."""
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    made = DesktopNotifications(plugin_context(tmp_path, {"events": ["restart_failed"]}, "desktop"))
    made.event_recorded(FAILED)
    made.stopping()
    assert wait_until(lambda: desktop.exists() and desktop.read_text(), "the notification")


def test_without_a_desktop_it_fails_after_three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("desktop_notifier")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/not/there")
    made = DesktopNotifications(plugin_context(tmp_path, {}, "desktop"))
    for number in range(1, 4):
        made.event_recorded(FAILED)
        wait_until(lambda number=number: made._outbox._failures == number, "its failure")  # type: ignore[misc]
    with pytest.raises(SendError, match="3 in a row"):
        made.event_recorded(FAILED)
