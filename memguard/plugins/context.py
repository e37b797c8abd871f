"""What a plugin is made with: its name, the person's options for it, a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from memguard.core.errors import ConfigError
from memguard.core.layout import private_dir

Value = TypeVar("Value")


class OptionError(ConfigError):
    """The person's options for a plugin are not what it takes."""


def _nowhere(text: str) -> None:
    """Nobody keeps a log."""


@dataclass(frozen=True, kw_only=True)
class PluginContext:
    """`options` is the person's table `[plugins.<name>]`; `timeout_s` is what any call may take.

    `state_dir` is memguard's own; below it, the plugin has a folder to itself (`folder`). `log` writes one line into
    memguard's log: ids, sizes and names, never what a conversation says.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    state_dir: str = ""
    timeout_s: float = 2.0
    log: Callable[[str], None] = _nowhere

    def folder(self) -> str:
        """The plugin's own folder, of mode 0700. Raises OSError where it can't be made."""
        return private_dir(f"{self.state_dir}/plugins/{self.name}")

    def option(self, name: str, kind: type[Value], default: Value) -> Value:
        """One option. Raises OptionError where it is of another type; a whole number does for any number."""
        value = self.options.get(name, default)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind and value is not default:
            raise OptionError(f"{name} must be of type {kind.__name__}", f"correct [plugins.{self.name}]")
        return value

    def texts(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """An option that is a list of texts. Raises OptionError for anything else."""
        value = self.options.get(name, list(default))
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            raise OptionError(f"{name} must be a list of texts", f"correct [plugins.{self.name}]")
        return tuple(value)

    def only(self, *names: str) -> None:
        """Raise OptionError for an option that is none of `names`: a mistyped one would silently do nothing."""
        unknown = sorted(set(self.options) - set(names))
        if unknown:
            raise OptionError(f"{unknown[0]} is not an option", f"[plugins.{self.name}] takes {', '.join(names)}")
