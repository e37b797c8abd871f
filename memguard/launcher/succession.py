"""What the next client is started with: the person's command line, and what became of its prompt."""

from memguard.core.ticket import RERUN, Ticket
from memguard.launcher import flags
from memguard.launcher.children import client_environment


class Launch:
    """How one client is started. `takes_input`: what the person piped in is for this client, too."""

    __slots__ = ("environment", "takes_input", "words")

    def __init__(self, words: list[str], environment: dict[str, str], takes_input: bool) -> None:
        self.words = words
        self.environment = environment
        self.takes_input = takes_input


class Succession:
    """The launches of one guard, in their order.

    The person's prompt is given once. It is spent when a ticket says that a client took it in, and with the first
    client that took a conversation up or began one with a digest: a client that was only resumed is given no prompt,
    so its own ticket can't say that there was one.
    """

    __slots__ = ("_arguments", "_environment", "_is_spent", "_last", "_words")

    def __init__(self, words: list[str], environment: dict[str, str]) -> None:
        self._words = words
        self._arguments = flags.parse(words)
        self._environment = environment
        self._is_spent = False
        self._last: Ticket | None = None

    def first(self) -> Launch:
        """The person's own command line."""
        environment = client_environment(self._environment, carries_on=False, keeps_renderer=False)
        return Launch(self._words, environment, takes_input=True)

    def gives_prompt(self, ticket: Ticket) -> bool:
        """Whether a client for `ticket` would be given the prompt: no conversation holds it, as far as is known."""
        return not self._is_spent and (ticket.strategy == RERUN or not ticket.is_prompt_given)

    def next(self, ticket: Ticket) -> Launch:
        """The launch for a ticket that is honoured."""
        ticket = self._as_last(ticket)
        gives = self.gives_prompt(ticket)
        self._is_spent = self._is_spent or ticket.is_prompt_given or ticket.strategy != RERUN
        self._last = ticket
        words = flags.relaunch_words(self._arguments, ticket, gives)
        carries_on = flags.carries_on_by_itself(self._arguments, ticket, gives)
        return Launch(words, client_environment(self._environment, carries_on, ticket.keeps_renderer), gives)

    def _as_last(self, ticket: Ticket) -> Ticket:
        """A rerun repeats the last client's launch, not the first one's: it had a session by then."""
        if ticket.strategy == RERUN and self._last and self._last.strategy != RERUN:
            ticket.strategy, ticket.session_id = self._last.strategy, self._last.session_id
            ticket.is_interrupted = ticket.is_interrupted or self._last.is_interrupted
        return ticket
