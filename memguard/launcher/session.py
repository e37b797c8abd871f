"""A guarded session: one client after another in one terminal, until one ends without a ticket."""

import os
import signal
import time

from memguard.core.layout import COMPILED, TICKET, log_path
from memguard.core.log import ERROR, append_log, described, printable, use_log
from memguard.core.settings import load_settings
from memguard.core.ticket import Ticket, read_ticket
from memguard.host import identity
from memguard.launcher import flags
from memguard.launcher.companion import Companion
from memguard.launcher.farewell import Farewell, died_by, tell
from memguard.launcher.placing import Placing
from memguard.launcher.records import Records
from memguard.launcher.streams import Streams
from memguard.launcher.succession import Launch, Succession
from memguard.launcher.terminal import Terminal
from memguard.launcher.ticket_desk import TicketDesk, is_ended_by_us
from memguard.launcher.vigil import Vigil
from memguard.launcher.waiting_client import WaitingClient

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.core.identity import ProcessId

# How long a relaunch waits for the watchdog's sweep: two graces of the tools, and the facts.
_SWEEP_TIMEOUT_S = 15.0
# How long the watchdog may take to tidy up before we leave; it takes a last snapshot of a client that was killed.
_FAREWELL_S = 1.0
_LAST_CAPTURE_S = 5.0
_SWEEP_LOOK_MS = 2
_FOREGROUND_LOOK_MS = 100
# What is in the pipe of a dead client is passed on in some ms; only what it left behind could still be writing.
_DRAIN_S = 2.0
# A client that was started again and fails within this has not taken the session up.
_TAKES_UP_S = 10.0
# As shells have it: found but not executable, not found.
_NOT_EXECUTABLE, _NOT_FOUND = 126, 127


class Session:
    """The launcher. It knows the client's command line and nothing of memory; it trusts a ticket with ids only."""

    def __init__(self, guard_dir: str, state_dir: str, key: str, words: list[str]) -> None:
        self.guard_dir = guard_dir
        self.program = words[0]
        arguments = flags.parse(words[1:])
        settings = load_settings(f"{guard_dir}/{COMPILED}")
        use_log(settings.log_level, settings.log_format)
        self.terminal = Terminal(is_used=not flags.is_print(arguments))
        self.streams = Streams(arguments, guard_dir)
        self.succession = Succession(words[1:], dict(os.environ))
        self.desk = TicketDesk(guard_dir, words[1:], settings.restart)
        self.records = Records(guard_dir, state_dir, settings.runtime_dir)
        self.companion = Companion(settings.python, guard_dir, state_dir, key)
        self.vigil = Vigil(self.streams, self.companion, self.records)
        self.placing = Placing(guard_dir, settings, self.vigil, self.companion, self.records)
        self.farewell = Farewell(guard_dir)
        self.client: ProcessId | None = None
        self.generation = -1
        self.started_s = 0.0
        self.is_restarting = False  # the watchdog has ended, or is ending, this client

    def run(self) -> int:
        """Run clients until one ends for good; returns its exit code, 128 + n for a signal n."""
        self.vigil.listen()
        try:
            return self._run_clients()
        finally:
            self.terminal.unhush()

    def _run_clients(self) -> int:
        launch, ticket_id = self.succession.first(), ""
        ticket: Ticket | None = None
        while True:
            self.desk.client_started(ticket)
            error = self._start(launch, ticket_id)
            if error:
                return self._finish_unstarted(error)
            status = self.vigil.await_client()
            ticket = self._accept_ticket(status) or self._ticket_instead(status)
            if ticket:
                self._give_terminal_back(status)
            if ticket is None or self.vigil.ended_by:
                return self._finish(status)
            launch, ticket_id = self.succession.next(ticket), ticket.ticket_id

    def _start(self, launch: Launch, ticket_id: str) -> OSError | None:
        """Start a client, and whoever watches it; what is wrong with the program, where it can't be started.

        The watchdog first: it starts beside the client's process, which waits for it.
        """
        self.records.attempt("watchdog", self.companion.start)
        pipes = self.streams.connect(launch.takes_input)
        try:
            child = WaitingClient([self.program, *launch.words], launch.environment, pipes)
        except OSError as error:
            return error
        finally:
            for descriptor in pipes:
                if descriptor >= 0:
                    os.close(descriptor)
        failure = self._begin(child, ticket_id)
        if failure is None:
            self.generation += 1
        return failure

    def _begin(self, child: WaitingClient, ticket_id: str) -> OSError | None:
        """Have the client recorded and placed, then let it go: whatever goes wrong before, it is not left waiting."""
        try:
            self._introduce(child.pid, ticket_id)
        finally:
            error = child.let_go()
        if error:
            self.vigil.await_client()
            if self.client:
                self.records.client_gone(self.client)
        return error

    def _introduce(self, pid: int, ticket_id: str) -> None:
        self.vigil.take_up(pid)
        self.started_s = time.monotonic()
        self.is_restarting = False
        self.client = identity.identify(pid)
        if self.client:
            self.records.client_started(self.client, self.generation + 1, ticket_id)
        self.companion.wake()
        self.placing.wait(self.generation + 1)

    def _accept_ticket(self, status: int) -> Ticket | None:
        """The swept ticket that this end of this client was for; any other end is the person's, and final."""
        if self.client is None:
            return None
        self.records.client_gone(self.client)
        self.is_restarting = is_ended_by_us(status) and self.desk.has_ticket_for(self.client)
        ticket = self._ticket(self.client, status)
        if ticket:
            self._await_sweep()
            ticket = self._ticket(self.client, status)
        self.records.ticket_done()
        if ticket:
            self.desk.count_relaunch()
        return ticket

    def _ticket_instead(self, status: int) -> Ticket | None:
        """A client that refuses to take the conversation up is followed by one that begins with a digest of it."""
        ticket = None if self.vigil.ended_by or self.is_restarting else self.desk.ticket_instead(status)
        if ticket:
            self.desk.count_relaunch()
        return ticket

    def _ticket(self, client: "ProcessId", status: int) -> Ticket | None:
        ticket = None if self.vigil.ended_by else self.desk.ticket_for(client, status)
        if ticket and self.succession.gives_prompt(ticket) and not self.streams.is_input_whole:
            return None
        return ticket

    def _await_sweep(self) -> None:
        """Keep the terminal quiet until the watchdog has swept what the client left, and has said so in the ticket."""
        self.streams.drain(is_last=False, most_s=_DRAIN_S)
        self._await_foreground()
        self.terminal.hush()
        deadline_s = time.monotonic() + _SWEEP_TIMEOUT_S
        while time.monotonic() < deadline_s and not self.vigil.ended_by:
            ticket = read_ticket(f"{self.guard_dir}/{TICKET}")
            if ticket is None or ticket.swept:
                return
            self.vigil.reap()
            self.vigil.poll(_SWEEP_LOOK_MS)

    def _await_foreground(self) -> None:
        """Wait until the terminal is ours, hung up, or we are told to end: `fg` may come in a week."""
        while self.terminal.is_in_background and not self.vigil.ended_by:
            self.vigil.reap()
            self.vigil.poll(_FOREGROUND_LOOK_MS)

    def _give_terminal_back(self, status: int) -> None:
        """As it was before the client; a client that was killed could not switch off what it had switched on."""
        self._await_foreground()
        if os.WIFSIGNALED(status):
            self.terminal.reset()
        self.terminal.restore()

    def _finish(self, status: int) -> int:
        """The last client is gone: leave the terminal as it was and say what is left to say."""
        self.streams.drain(is_last=True, most_s=_DRAIN_S)
        code, by = os.waitstatus_to_exitcode(status), self.vigil.ended_by
        self.farewell.look()
        self.records.ended(code, by)
        if code < 0 and by != signal.SIGHUP:
            self._give_terminal_back(status)
        self.terminal.unhush()
        what = self._what_became_of_it(code)
        self.vigil.await_companion(_FAREWELL_S if code >= 0 else _LAST_CAPTURE_S)
        if what and not self.vigil.ended_by:
            tell(self.farewell.text(what))
        return 128 + by if by and self.is_restarting else exit_code(status)

    def _what_became_of_it(self, code: int) -> str:
        """What the person must be told of a client that ended with `code`; nothing of an ordinary end."""
        if code < 0:
            return died_by(-code)
        if self.is_restarting:
            return "was ended for a restart, which then was not allowed"
        is_quick = time.monotonic() - self.started_s < _TAKES_UP_S
        return f"that was started again ended at once, with {code}" if self.generation and code and is_quick else ""

    def _finish_unstarted(self, error: OSError) -> int:
        """The program can't be executed: at the first start the person's slip, later perhaps an update's moment."""
        code = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
        self.streams.drain(is_last=True, most_s=0)
        self.farewell.look()
        self.records.ended(code, 0)
        self.records.attempt("watchdog", self.companion.start)  # which tidies up
        self.vigil.await_companion(_FAREWELL_S)
        if self.generation < 0:
            name = printable(self.program, 200)
            tell(f"memguard: {name} can't be started: {error.strerror}; name another client with --client PATH\n")
        else:
            tell(self.farewell.text(f"can't be started again ({error.strerror})"))
        return code

    def outlive_defect(self) -> int | None:
        """Serve the client that is there until it ends, and restart none; None where none was ever started."""
        try:
            if self.vigil.client_pid:
                self.vigil.await_client()
                self.streams.drain(is_last=True, most_s=_DRAIN_S)
        except Exception:  # noqa: BLE001  again: then without us, but not waiting for us
            self.streams.abandon()
            if self.vigil.client_pid:
                self.vigil.status = os.waitpid(self.vigil.client_pid, 0)[1]
        if self.vigil.status is None:
            return None
        self.records.ended(os.waitstatus_to_exitcode(self.vigil.status), self.vigil.ended_by)
        self._give_terminal_back(self.vigil.status)
        return exit_code(self.vigil.status)


def exit_code(status: int) -> int:
    """A wait status as a shell would give it: 128 + n for a signal n."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def run_to_the_end(session: Session, state_dir: str) -> int:
    """Run a session; after a defect of ours, still serve its client to its end, and return the client's exit code."""
    try:
        return session.run()
    except Exception as error:  # noqa: BLE001  whatever it is, the person's session comes first
        append_log(state_dir, f"launcher: {described(error)}", ERROR)
    code = session.outlive_defect()
    if code is None:
        tell(f"memguard: a defect in memguard ended the launcher\n  see {log_path(state_dir)}\n")
        return 3
    return code
