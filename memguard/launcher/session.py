"""A guarded session: one client after another in one terminal, until one ends without a ticket."""

import os
import select
import signal
import sys
import time

from memguard.core.layout import (
    CLIENT,
    COMPILED,
    ENDED,
    RELAUNCH,
    TICKET,
    client_record,
    log_path,
    private_dir,
    remove,
    write_pairs,
)
from memguard.core.log import append_log, described
from memguard.core.settings import load_settings
from memguard.core.ticket import Ticket, read_ticket
from memguard.host import identity
from memguard.launcher import flags
from memguard.launcher.children import client_environment, start_client
from memguard.launcher.companion import Companion
from memguard.launcher.farewell import Farewell
from memguard.launcher.streams import Streams
from memguard.launcher.terminal import Terminal
from memguard.launcher.ticket_desk import TicketDesk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.core.identity import ProcessId

# How long a relaunch waits for the watchdog's sweep: two graces of the tools, and the facts.
_SWEEP_TIMEOUT_S = 15.0
# How long the watchdog may take to tidy up before we leave; it takes a last snapshot of a client that was killed.
_FAREWELL_S = 1.0
_LAST_CAPTURE_S = 5.0
_SWEEP_LOOK_MS = 10


class Session:
    """The launcher. It knows the client's command line and nothing of memory; it trusts a ticket with ids only."""

    def __init__(self, guard_dir: str, state_dir: str, key: str, words: list[str]) -> None:
        self.guard_dir = guard_dir
        self.program = words[0]
        self.words = words[1:]
        self.arguments = flags.parse(self.words)
        self.environment = dict(os.environ)
        self.settings = load_settings(f"{guard_dir}/{COMPILED}")
        self.terminal = Terminal()
        self.streams = Streams(self.arguments, guard_dir)
        self.desk = TicketDesk(guard_dir, self.words, self.settings.restart)
        self.companion = Companion(self.settings.python, guard_dir, state_dir, key)
        self.client_pid = 0
        self.client: ProcessId | None = None
        self.generation = 0
        self.ended_by = 0  # the signal that told us, rather than the client, to end

    def run(self) -> int:
        """Run clients until one ends for good; returns its exit code, 128 + n for a signal n."""
        self._listen()
        ticket = None
        while True:
            self._start(ticket)
            self.companion.start()
            status = self._await_client()
            ticket = self._accept_ticket(status)
            if ticket is None:
                return self._finish(status)
            self._give_terminal_back(status)

    def _listen(self) -> None:
        """Signals: the terminal's own go to the client as well; what is meant for the client alone is passed on."""
        self.wakeup, writer = os.pipe()
        for descriptor in (self.wakeup, writer):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        # No-op handlers rather than SIG_IGN, which the client would inherit and be deaf to.
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_end)

    def _on_end(self, number: int, _frame: object) -> None:
        self.ended_by = number
        if self.client_pid:
            os.kill(self.client_pid, number)

    def _start(self, ticket: Ticket | None) -> None:
        words, environment = self.words, client_environment(self.environment, carries_on=False, keeps_renderer=False)
        if ticket:
            words = flags.relaunch_words(self.arguments, ticket)
            carries_on = flags.carries_on_by_itself(self.arguments, ticket)
            environment = client_environment(self.environment, carries_on, ticket.keeps_renderer)
        pipes = self.streams.connect(is_input_wanted=ticket is None or flags.is_prompt_wanted(ticket))
        self.client_pid = start_client([self.program, *words], environment, pipes)
        for descriptor in pipes:
            if descriptor >= 0:
                os.close(descriptor)
        self.client = identity.identify(self.client_pid)
        self._record_client(ticket)

    def _record_client(self, ticket: Ticket | None) -> None:
        text = self.client.to_text() if self.client else ""
        runtime_dir = private_dir(self.settings.runtime_dir)
        private_dir(f"{runtime_dir}/clients")
        guard_id = os.path.basename(self.guard_dir)
        write_pairs(client_record(runtime_dir, self.client_pid), {"id": text, "guard": guard_id})
        if ticket:
            # Before the client gets to its SessionStart, whose hook compares its own process with this.
            write_pairs(f"{self.guard_dir}/{RELAUNCH}", {"ticket": ticket.ticket_id, "client": text})
            self.generation += 1
        write_pairs(f"{self.guard_dir}/{CLIENT}", {"id": text, "generation": self.generation})
        self.companion.wake()

    def _await_client(self) -> int:
        """Wait for the client, move what flows through us meanwhile; returns its wait status."""
        while True:
            status = self._reap()
            if status is not None:
                return status
            self._poll(None)

    def _reap(self) -> int | None:
        """Reap who has ended; the client's wait status once it is the client."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return None
            if pid == 0:
                return None
            if pid == self.client_pid:
                self.client_pid = 0  # from here on the pid may be somebody else's
                return status
            if pid == self.companion.pid:
                self.companion.died()

    def _poll(self, timeout_ms: int | None) -> None:
        poll = select.poll()
        poll.register(self.wakeup, select.POLLIN)
        self.streams.register(poll)
        for descriptor, _ in poll.poll(timeout_ms):
            if descriptor == self.wakeup:
                os.read(self.wakeup, 512)
            else:
                self.streams.serve(descriptor)

    def _accept_ticket(self, status: int) -> Ticket | None:
        """The swept ticket that this end of this client was for; any other end is the person's, and final."""
        path = f"{self.guard_dir}/{TICKET}"
        client = self.client
        if client is None:
            return None
        remove(client_record(self.settings.runtime_dir, client.pid))
        ticket = None if self.ended_by else self.desk.ticket_for(client, status)
        if ticket:
            self._await_sweep()
            ticket = None if self.ended_by else self.desk.ticket_for(client, status)
        remove(path)
        return ticket

    def _await_sweep(self) -> None:
        """Keep the terminal quiet until the watchdog has swept what the client left, and has said so in the ticket."""
        self.streams.drain(is_last=False)
        self.terminal.await_foreground()
        self.terminal.hush()
        deadline_s = time.monotonic() + _SWEEP_TIMEOUT_S
        while time.monotonic() < deadline_s and not self.ended_by:
            ticket = read_ticket(f"{self.guard_dir}/{TICKET}")
            if ticket is None or ticket.swept:
                return
            self._reap()
            self._poll(_SWEEP_LOOK_MS)

    def _give_terminal_back(self, status: int) -> None:
        """As it was before the client; a client that was killed could not switch off what it had switched on."""
        self.terminal.await_foreground()
        if os.WIFSIGNALED(status):
            self.terminal.reset()
        self.terminal.restore()

    def _finish(self, status: int) -> int:
        """The last client is gone: leave the terminal as it was and say what is left to say."""
        self.streams.drain(is_last=True)
        code = os.waitstatus_to_exitcode(status)
        if code < 0 and self.ended_by != signal.SIGHUP:
            self._give_terminal_back(status)
        farewell = Farewell(self.guard_dir, -code)
        ended: dict[str, object] = {"code": code, "by": self.ended_by}
        write_pairs(f"{self.guard_dir}/{ENDED}", ended)
        self._await_companion(_FAREWELL_S if code >= 0 else _LAST_CAPTURE_S)
        if code < 0 and not self.ended_by:
            sys.stderr.write(farewell.text())
        return 128 - code if code < 0 else code

    def _await_companion(self, most_s: float) -> None:
        """Let the watchdog tidy up; it needs some ms, and goes on by itself when it needs longer."""
        self.companion.wake()
        deadline_s = time.monotonic() + most_s
        while not self.companion.is_gone() and time.monotonic() < deadline_s:
            self._poll(_SWEEP_LOOK_MS)


def run_to_the_end(session: Session, state_dir: str) -> int:
    """Run a session; after a defect of ours, still wait for its client, and return the client's exit code."""
    try:
        return session.run()
    except Exception as error:  # noqa: BLE001  whatever it is, the person's session comes first
        append_log(state_dir, f"launcher: {described(error)}")
        if not session.client_pid:
            sys.stderr.write(f"memguard: a defect in memguard ended the launcher\n  see {log_path(state_dir)}\n")
            return 3
        _, status = os.waitpid(session.client_pid, 0)
        return os.waitstatus_to_exitcode(status) % 256
