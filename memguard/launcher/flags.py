"""The client's flags, sorted: what a relaunch replays, what it replaces, and what forbids a restart.

Checked against `claude --help` of the pinned client by a test: a flag that the client has and this table hasn't
fails it. Read from 2.1.330.
"""

from memguard.core.permission import BYPASS
from memguard.core.ticket import FRESH, RERUN, RESUME, Ticket

REPLAYED = "replayed"
REPLACED = "replaced"
FORBIDS = "forbids"

# How many words a flag takes: none, exactly one, at most one, or all up to the next flag.
NONE, ONE, MAYBE, MANY = "none", "one", "maybe", "many"

# flag -> (what a relaunch does with it, the words that it takes)
FLAGS: dict[str, tuple[str, str]] = {
    "--add-dir": (REPLAYED, MANY),
    "--agent": (REPLAYED, ONE),
    "--agents": (REPLAYED, ONE),
    "--allow-dangerously-skip-permissions": (REPLAYED, NONE),
    "--allowedTools": (REPLAYED, MANY),
    "--allowed-tools": (REPLAYED, MANY),
    "--append-system-prompt": (REPLAYED, ONE),
    "--append-system-prompt-file": (REPLAYED, ONE),
    "--autocompact": (REPLAYED, ONE),
    "--ax-screen-reader": (REPLAYED, NONE),
    "--bare": (REPLAYED, NONE),
    "--betas": (REPLAYED, MANY),
    "--brief": (REPLAYED, NONE),
    "--chrome": (REPLAYED, NONE),
    "--dangerously-skip-permissions": (REPLAYED, NONE),
    "--debug": (REPLAYED, MAYBE),
    "-d": (REPLAYED, MAYBE),
    "--debug-file": (REPLAYED, ONE),
    "--disable-slash-commands": (REPLAYED, NONE),
    "--disallowedTools": (REPLAYED, MANY),
    "--disallowed-tools": (REPLAYED, MANY),
    "--effort": (REPLAYED, ONE),
    "--exclude-dynamic-system-prompt-sections": (REPLAYED, NONE),
    "--fallback-model": (REPLAYED, ONE),
    "--file": (REPLAYED, MANY),
    "--forward-subagent-text": (REPLAYED, NONE),
    "--ide": (REPLAYED, NONE),
    "--include-hook-events": (REPLAYED, NONE),
    "--include-partial-messages": (REPLAYED, NONE),
    "--json-schema": (REPLAYED, ONE),
    "--max-budget-usd": (REPLAYED, ONE),
    "--max-turns": (REPLAYED, ONE),
    "--mcp-config": (REPLAYED, MANY),
    "--model": (REPLAYED, ONE),
    "--name": (REPLAYED, ONE),
    "-n": (REPLAYED, ONE),
    "--no-chrome": (REPLAYED, NONE),
    "--output-format": (REPLAYED, ONE),
    "--permission-mode": (REPLAYED, ONE),
    "--permission-prompt-tool": (REPLAYED, ONE),
    "--permission-prompts": (REPLAYED, ONE),
    "--plugin-dir": (REPLAYED, ONE),
    "--plugin-url": (REPLAYED, ONE),
    "--print": (REPLAYED, NONE),
    "-p": (REPLAYED, NONE),
    "--prompt-suggestions": (REPLAYED, MAYBE),
    "--remote-control": (REPLAYED, MAYBE),
    "--remote-control-session-name-prefix": (REPLAYED, ONE),
    "--restricted": (REPLAYED, NONE),
    "--safe-mode": (REPLAYED, NONE),
    "--setting-sources": (REPLAYED, ONE),
    "--settings": (REPLAYED, ONE),
    "--strict-mcp-config": (REPLAYED, NONE),
    "--system-prompt": (REPLAYED, ONE),
    "--system-prompt-file": (REPLAYED, ONE),
    "--system-prompt-snapshot": (REPLAYED, ONE),
    "--tools": (REPLAYED, MANY),
    "--verbose": (REPLAYED, NONE),
    # A resume names the session itself; these chose it the first time.
    "--continue": (REPLACED, NONE),
    "-c": (REPLACED, NONE),
    "--resume": (REPLACED, MAYBE),
    "-r": (REPLACED, MAYBE),
    "--session-id": (REPLACED, ONE),
    "--fork-session": (REPLACED, NONE),
    "--from-pr": (REPLACED, MAYBE),
    "--worktree": (REPLACED, MAYBE),
    "-w": (REPLACED, MAYBE),
    "--prefill": (REPLACED, ONE),
    # What these start is not a conversation of this terminal that could be taken up again.
    "--no-session-persistence": (FORBIDS, NONE),
    "--input-format": (REPLAYED, ONE),  # `stream-json` forbids: see `obstacle`
    "--replay-user-messages": (FORBIDS, NONE),
    "--background": (FORBIDS, NONE),
    "--bg": (FORBIDS, NONE),
    "--cloud": (FORBIDS, MAYBE),
    "--desktop": (FORBIDS, NONE),
    "--environment": (FORBIDS, ONE),
    "--teleport": (FORBIDS, MAYBE),
    "--tmux": (FORBIDS, NONE),
    "--help": (FORBIDS, NONE),
    "-h": (FORBIDS, NONE),
    "--version": (FORBIDS, NONE),
    "-v": (FORBIDS, NONE),
}
# The client's own commands, which end by themselves.
_COMMANDS = """
agents attach auth auto-mode doctor gateway import install logs mcp plugin plugins purge respawn rm setup-token
stop kill ultrareview update upgrade
"""
COMMANDS = frozenset(_COMMANDS.split())
_BYPASS_FLAGS = ("--dangerously-skip-permissions", "--allow-dangerously-skip-permissions")
# The first words where the client doesn't carry an interrupted turn on by itself: a fresh session, and `claude -p`.
_CARRY_ON = "Please carry on with the request that was interrupted by the restart of this session."


class Argument:
    """One flag with its words, or one positional word (`flag` is empty)."""

    __slots__ = ("flag", "words")

    def __init__(self, flag: str, words: "list[str]") -> None:
        self.flag = flag
        self.words = words

    def rendered(self) -> "list[str]":
        """The argument as it is typed."""
        if self.flag.startswith("--") and len(self.words) == 1 and self.words[0].startswith("-"):
            return [f"{self.flag}={self.words[0]}"]
        return [self.flag, *self.words] if self.flag else self.words


def parse(words: "list[str]") -> "list[Argument]":
    """Split a command line of the client's as the client does.

    An unknown flag takes the word behind it, unless that is the last one, which may be the prompt: see `obstacle`.
    """
    arguments: list[Argument] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            arguments += [Argument("", [later]) for later in rest]
            break
        arguments.append(_flag(word, rest) if word.startswith("-") and word != "-" else Argument("", [word]))
    return arguments


def _flag(word: str, rest: "list[str]") -> Argument:
    if len(word) > 2 and word[1] != "-" and "-" + word[1] in FLAGS:  # `-pc` is `-p -c`, `-nfoo` is `-n foo`
        takes = FLAGS["-" + word[1]][1]
        rest.insert(0, word[2:] if takes != NONE else "-" + word[2:])
        word = word[:2]
    flag, equals, value = word.partition("=")
    if equals and word.startswith("--"):
        return Argument(flag, [value])
    takes = FLAGS[word][1] if word in FLAGS else (MAYBE if len(rest) > 1 else NONE)
    words: list[str] = []
    if takes == ONE and rest:
        words.append(rest.pop(0))
    while takes in (MAYBE, MANY) and rest and not rest[0].startswith("-") and (takes == MANY or not words):
        words.append(rest.pop(0))
    return Argument(word, words)


def obstacle(words: list[str]) -> str:
    """Why a client with this command line can't be restarted; empty when it can."""
    arguments = parse(words)
    for argument in arguments:
        if FLAGS.get(argument.flag, ("",))[0] == FORBIDS:
            return f"{argument.flag} can't be taken up again"
        if argument.flag == "--input-format" and argument.words == ["stream-json"]:
            return "--input-format stream-json: what was read from stdin can't be read again"
    if len(words) > 1 and _is_unknown(words[-2]) and not words[-1].startswith("-"):
        return f"{words[-2]} is not a flag that memguard knows, so its word can't be told from a prompt"
    first = next((argument.words[0] for argument in arguments if not argument.flag), "")
    return f"`claude {first}` is a command, not a session" if first in COMMANDS else ""


def _is_unknown(word: str) -> bool:
    return word.startswith("-") and word != "--" and "=" not in word and parse([word])[0].flag not in FLAGS


def has_flag(arguments: "list[Argument]", *names: str) -> bool:
    """Whether one of the flags is there."""
    return any(argument.flag in names for argument in arguments)


def value_of(arguments: "list[Argument]", name: str) -> str:
    """The last word given to a flag; empty where it isn't there."""
    values = [argument.words[-1] for argument in arguments if argument.flag == name and argument.words]
    return values[-1] if values else ""


def is_print(arguments: list[Argument]) -> bool:
    """Whether this is `claude -p`: one turn, and out."""
    return has_flag(arguments, "-p", "--print")


def carries_on_by_itself(arguments: list[Argument], ticket: Ticket, gives_prompt: bool) -> bool:
    """Whether the client is asked to continue the interrupted turn.

    `claude -p` would only do so beside a prompt, and an interactive client loses a prompt that is given beside it.
    """
    is_due = ticket.strategy == RESUME and ticket.is_interrupted
    return is_due and not is_print(arguments) and not gives_prompt


def relaunch_words(arguments: list[Argument], ticket: Ticket, gives_prompt: bool) -> list[str]:
    """The command line of the client that follows, for `ticket`; `gives_prompt`: with the person's prompt again.

    A rerun keeps everything but what would widen the permissions. Else the flags that say how, not which session.
    """
    kept = [a for a in arguments if ticket.strategy == RERUN or FLAGS.get(a.flag, (REPLAYED,))[0] == REPLAYED]
    words = [word for a in _with_mode(kept, ticket) if a.flag for word in a.rendered()]
    if ticket.strategy == RESUME:
        words += ["--resume", ticket.session_id]
    return words + _separated(_prompt(arguments, ticket, gives_prompt))


def _prompt(arguments: list[Argument], ticket: Ticket, gives_prompt: bool) -> list[str]:
    if gives_prompt:
        return [word for a in arguments if not a.flag for word in a.words]
    if is_print(arguments):
        return [_CARRY_ON]  # without a prompt, `claude -p --resume` exits 1
    return [_CARRY_ON] if ticket.strategy == FRESH and ticket.is_interrupted else []


def _separated(prompt: "list[str]") -> "list[str]":
    """Behind `--`, so that a flag which takes many words can't swallow the prompt."""
    return ["--", *prompt] if prompt else []


def _with_mode(arguments: "list[Argument]", ticket: Ticket) -> "list[Argument]":
    """Replace the permission mode by the last one that a hook reported; bypass only where it was given at launch."""
    mode = ticket.permission_mode
    if mode == BYPASS and not (
        value_of(arguments, "--permission-mode") == BYPASS or has_flag(arguments, *_BYPASS_FLAGS)
    ):
        mode = "default"
    if not mode:
        return arguments
    dropped = ("--permission-mode",) if mode == BYPASS else ("--permission-mode", *_BYPASS_FLAGS)
    return [*(a for a in arguments if a.flag not in dropped), Argument("--permission-mode", [mode])]
