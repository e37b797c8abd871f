"""How a client that no launcher started is started again, by who owns it.

A launcher keeps command line and variables in its memory; here they are read from the running client before its end,
kept in the watchdog's memory for as long as the restart takes, and handed over through a FIFO.
"""

import os
import time

from memguard.core.layout import TICKET, remove
from memguard.core.log import described
from memguard.core.ticket import Ticket
from memguard.host import helper, identity, signals, terminal
from memguard.host.client_process import ClientProcess, read_client
from memguard.watchdog.plain import END, PANE, SERVICE, WINDOW, plan_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.core.identity import ProcessId
    from memguard.host.tmux import Pane
    from memguard.watchdog.guarded_session import GuardedSession
    from memguard.watchdog.succession_pipe import SuccessionPipe

# tmux notices the end of a pane's process when that is reaped and its terminal closed: some ms, unless something of the
# session holds the terminal open.
_PANE_DEAD_S = 3.0
# `claude respawn` says so when it is done, some 0.2 s before the process is gone; measured 1 s with a tool running.
_RESPAWN_TIMEOUT_S = 30.0
# What a background session has of its service, and another client must not have.
_OF_THE_SERVICE = ("CLAUDE_BG_", "CLAUDE_JOB_", "CLAUDE_CODE_SESSION_KIND")


class Relauncher:
    """One way for one client. This one starts nothing again: the client is ended, its conversation kept."""

    has_started_next = False  # by the time that the client is gone: what carries its session id may be the next one's

    def __init__(self, session: "GuardedSession") -> None:
        self.session = session
        self._tty = ""

    def prepare(self) -> str:
        """Everything that must be known or done before the client is ended; else why it can't be."""
        self._tty = terminal.tty_of(self.session.subject.client.pid)
        return ""

    def withdraw(self) -> None:
        """The restart does not happen: as it was before `prepare`."""

    def end(self) -> "bool | None":
        """End the client in its owner's way; None where signals are the way."""
        return None

    def relaunch(self, ticket: Ticket, forced: bool) -> bool:
        """The client is gone (`forced`: killed) and swept: start the next one; False where there is none."""
        remove(f"{self.session.guard_dir}/{TICKET}")
        if forced:  # else the client itself has said it
            how = f"claude --resume {ticket.session_id}" if ticket.session_id else "claude --continue"
            self._tell(f"the client was ended at its emergency limit; take the session up again: {how}")
        self.session.journal.event("client_ended", session=ticket.session_id, snapshot=ticket.snapshot)
        return True

    def _tell(self, text: str) -> None:
        """To the terminal that a killed client has left as it was: switched back first, as a launcher would do it."""
        from memguard.launcher.terminal import RESET  # rarely needed: a watchdog at rest does without

        try:
            descriptor = os.open(self._tty, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError:
            return  # none, or hung up
        try:
            os.write(descriptor, f"{RESET}\r\nmemguard: {text}\r\n".encode())
        except OSError:
            return  # nobody reads it
        finally:
            os.close(descriptor)


class InTmux(Relauncher):
    """In the client's tmux pane, or in a window beside it where a shell has the pane."""

    def __init__(self, session: "GuardedSession") -> None:
        super().__init__(session)
        self._client: ClientProcess | None = None
        self._pane: Pane | None = None
        self._program = ""
        self._pipe: SuccessionPipe | None = None
        self._is_kept = False

    def prepare(self) -> str:
        """Read the client once more, see that its successor can start, and have its pane kept when it ends."""
        self.withdraw()  # an earlier try may have broken off
        super().prepare()
        self._client = read_client(self.session.subject.client)
        if self._client is None:
            return "the client can't be read any more"
        plan = plan_of(self._client, self.session.settings)
        self._pane, self._program = plan.owner.pane, program_of(self._client)
        if plan.way not in (PANE, WINDOW) or self._pane is None:
            return plan.why
        return self._why_not(self._client) or self._make_pipe() or self._keep(self._pane, plan.way)

    def _why_not(self, client: ClientProcess) -> str:
        """What the successor would fail at, when the client is gone already."""
        if not self._program:
            return "its program is not there any more"
        if not (os.path.isdir(client.cwd) and os.access(client.cwd, os.X_OK)):
            return "its working folder is not there any more, or can't be entered"
        return ""

    def _make_pipe(self) -> str:
        from memguard.watchdog.succession_pipe import SuccessionPipe

        try:
            self._pipe = SuccessionPipe(self.session.guard_dir, self.session.settings.python)
        except OSError as error:
            return f"nothing can be handed over to its successor: {described(error)}"
        return ""

    def _keep(self, pane: "Pane", way: str) -> str:
        if way == PANE:
            self._is_kept = pane.keep_open()
            return "" if self._is_kept else "tmux can't keep its pane (it is older than 3.0, or doesn't answer)"
        return ""

    def withdraw(self) -> None:
        """The pane closes again when its process ends, and at once where that has ended by itself."""
        if self._is_kept and self._pane:
            self._pane.let_go()
            self._pane.close_dead()
        self._is_kept = False
        self._close_pipe()

    def _close_pipe(self) -> None:
        if self._pipe:
            self._pipe.close()
        self._pipe = None

    def relaunch(self, ticket: Ticket, forced: bool) -> bool:
        """Start the successor, write down whose client it will be, and let it become that."""
        guard_dir, where = self.session.guard_dir, "nowhere"
        if forced and not self._is_kept:  # a pane that is started anew is switched back by tmux
            self._tell("the client was ended for its memory use, and goes on in a window beside this one")
        if self._pipe is None:  # carried on from a watchdog that died: the client is ended whatever `prepare` says
            self._make_pipe()
        try:
            if self._client and self._pane and self._pipe:
                where = self._start(self._client, self._pane, self._pipe, ticket)
        finally:
            remove(f"{guard_dir}/{TICKET}")
            self._close_pipe()
            if self._is_kept and self._pane:
                self._pane.let_go()  # where nothing could be started, its last words stay on the screen
        self.session.journal.event(
            "client_relaunched" if where != "nowhere" else "restart_failed", where=where, session=ticket.session_id
        )
        return where != "nowhere"

    def _start(self, client: ClientProcess, pane: "Pane", pipe: "SuccessionPipe", ticket: Ticket) -> str:
        from memguard.launcher.succession import Succession

        pid, where = self._place(pane, pipe.words)
        who = identity.identify(pid) if pid else None
        if who is None:
            return "nowhere"
        self._record(who, ticket)
        launch = Succession(client.words[client.prefix_length() :], client.environment).next(ticket)
        return where if pipe.give(who, client, self._program, launch) else "nowhere"

    def _place(self, pane: "Pane", words: "list[str]") -> "tuple[int, str]":
        """In the pane, where it was the client's and is free; else in a window beside it."""
        if self._is_kept and pane.await_dead(_PANE_DEAD_S):
            pid = pane.respawn(words)
            if pid:
                return pid, f"pane {pane.pane_id}"
        return pane.new_window(words), f"a window beside pane {pane.pane_id}"

    def _record(self, who: "ProcessId", ticket: Ticket) -> None:
        from memguard.launcher.records import Records

        session = self.session
        records = Records(session.guard_dir, session.state_dir, session.settings.runtime_dir)
        records.client_gone(ticket.client)
        records.client_started(who, session.generation + 1, ticket.ticket_id)


class ByService(Relauncher):
    """By the client's own command: the service revives what a signal ends, and starts sessions in its own way.

    One command ends the session and starts it, and refuses where that would lose it: one that was sent off from a shell
    with ANTHROPIC_BASE_URL set needs that again, which only settings can say for good. The next client is another
    process of the service's, whose first hook gives it a guard of its own; the attempts are counted by the job. It
    takes the conversation up and waits: an interrupted turn does not go on by itself (2.1.330).
    """

    has_started_next = True

    def __init__(self, session: "GuardedSession", job: str) -> None:
        super().__init__(session)
        self._job = job
        self._client: ClientProcess | None = None
        self._program = ""

    def prepare(self) -> str:
        """Read what the command needs."""
        self._client = read_client(self.session.subject.client)
        self._program = program_of(self._client) if self._client else ""
        return "" if self._program else "its program is not there any more"

    def end(self) -> bool:
        """`claude respawn`; False where it refused, since a signal is no way here."""
        deadline_s = time.monotonic() + _RESPAWN_TIMEOUT_S
        answer = self._respawn()
        if answer.code != 0:
            self.session.journal.log(f"`claude respawn {self._job}` ended with {answer.code}: {answer.text[:200]}")
            return False
        return not signals.wait_gone([self.session.subject.client], deadline_s - time.monotonic())

    def relaunch(self, ticket: Ticket, forced: bool) -> bool:  # noqa: ARG002
        """It is done already."""
        remove(f"{self.session.guard_dir}/{TICKET}")
        self.session.journal.event("client_relaunched", where=f"background job {self._job}", session=ticket.session_id)
        return True

    def _respawn(self) -> helper.Answer:
        client = self._client
        if client is None:
            return helper.Answer(-1, "the client was not read")
        environment = {n: v for n, v in client.environment.items() if not n.startswith(_OF_THE_SERVICE)}
        length = client.prefix_length()
        program = client.words[:length] if length > 1 else ["claude"]  # its own first word says `claude bg-spare`
        words = [*program, "respawn", self._job]
        return helper.ask(words, environment, _RESPAWN_TIMEOUT_S, program=self._program)


def relauncher_for(session: "GuardedSession") -> "Relauncher | None":
    """By the guard's file, as `plain.planned` wrote it; None where nothing is to be ended."""
    way = session.facts.get("way", "")
    if way in (PANE, WINDOW):
        return InTmux(session)
    if way == SERVICE:
        return ByService(session, session.facts.get("lineage", "").removeprefix("job-"))
    return Relauncher(session) if way == END else None


def program_of(client: ClientProcess) -> str:
    """What to execute: its program file, or, where an update has replaced that, what its first word names now."""
    if os.access(client.exe, os.X_OK):
        return client.exe
    name = client.words[0] if client.words else ""
    folders = [client.cwd] if "/" in name else client.environment.get("PATH", "").split(":")
    paths = (os.path.join(client.cwd, folder, name) for folder in folders)
    return next((path for path in paths if name and os.path.isfile(path) and os.access(path, os.X_OK)), "")
