"""The error tree: each error says what happened and what to do next."""


class MemguardError(Exception):
    """Base of all errors that memguard raises on purpose.

    `what` is one line for the person; `next_step` is one line that says what to do about it.
    `exit_code` is what a command returns for it: 1 could not, 2 wrong usage.
    """

    exit_code = 1

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step


class UsageError(MemguardError):
    """The command was typed wrongly."""

    exit_code = 2


class ConfigError(MemguardError):
    """A configuration file, variable or option can't be used as it is."""


class TypedConfigError(ConfigError):
    """A variable or an option of the command that was typed can't be used as it is."""

    exit_code = 2


class StateError(MemguardError):
    """A file of memguard's own can't be read, written or trusted."""


class EnvelopeError(StateError):
    """A sealed file does not open: wrong key, changed, cut or lengthened."""


class HostError(MemguardError):
    """The operating system refused a reading or a signal."""


class ClientError(MemguardError):
    """The Claude Code client is missing, or its files are not what they should be."""
