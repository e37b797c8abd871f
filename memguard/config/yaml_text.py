"""A configuration that is written as YAML: maps, lists, text and numbers, and nothing else that YAML can do.

Needs PyYAML (the extra `yaml`). Refused are tags, which name types to be made; anchors and aliases, with which 1 KB
becomes 1 GB; a key that is there twice, of which PyYAML would silently take the last; and more documents than one.
"""

from typing import TYPE_CHECKING, Any

from memguard.config.raw_file import decoded
from memguard.config.shown import shown
from memguard.core.errors import ConfigError

if TYPE_CHECKING:
    import yaml

# PyYAML reads 50 KB/s. Its C loader is 6 times faster, and ends the process where brackets are nested 60,000 deep.
_LARGEST_BYTES = 64 * 1024
_MOST_EVENTS = 4000  # every setting for every platform is 500
_TEXT = "tag:yaml.org,2002:str"
# Never meant: `1:30` is a number to base 60, and one of 200 parts is an OverflowError in PyYAML; a date is no setting.
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_DEEPEST = 8  # platform, its name, table, name, list


class _RefusedError(ValueError):
    """What is refused, and where in the text."""

    def __init__(self, what: str, mark: Any) -> None:
        super().__init__(f"{what} (line {mark.line + 1})" if mark else what)


def parse_yaml(path: str, data: bytes) -> dict[str, object]:
    """The tables in `data`, which is what the file at `path` holds; ConfigError, of one line, where they can't be had.

    A key without a value counts as not written.
    """
    try:
        import yaml
    except ImportError:
        raise ConfigError(
            f"{shown(path)} can't be read without PyYAML", "install memguard with its extra `yaml`, or write TOML"
        ) from None
    if len(data) > _LARGEST_BYTES:
        raise ConfigError(f"{shown(path)} is larger than 64 KB", "a configuration has some 20 lines: shorten it")
    text = decoded(path, data)
    try:
        tables = _tables(text)
    except (yaml.YAMLError, ValueError, ArithmeticError, RecursionError) as error:  # ValueError: ours, 5,000 digits
        raise ConfigError(f"{shown(path)} is not valid YAML: {_reason(error)}", "correct that line") from None
    return tables


def _tables(text: str) -> dict[str, object]:
    import yaml

    _refuse(yaml.parse(text, Loader=yaml.SafeLoader))
    loader = _loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return {}
        if not isinstance(root, yaml.MappingNode):
            raise _RefusedError("it is not a map of tables", root.start_mark)
        _refuse_odd_keys(root, loader)
        return _written(loader.construct_document(root))
    finally:
        loader.dispose()


def _loader(text: str) -> "yaml.SafeLoader":
    """PyYAML's own, to which numbers to base 60 and dates are text."""
    import yaml

    class Loader(yaml.SafeLoader):
        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            resolver: Any = super()  # its stubs say nothing of `resolve`
            tag = resolver.resolve(kind, value, implicit)
            return _TEXT if tag == _TIMESTAMP or (tag in _NUMBERS and ":" in value) else tag

    return Loader(text)


def _refuse(events: Any) -> None:
    """Look at the events of the text, which are made one by one, before anything is built of them."""
    import yaml

    depth = 0
    for number, event in enumerate(events):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST or number > _MOST_EVENTS:
            raise _RefusedError("too deeply nested" if depth > _DEEPEST else "too long", event.start_mark)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _RefusedError("anchors and aliases are refused", event.start_mark)
        if getattr(event, "tag", None):
            raise _RefusedError("tags are refused", event.start_mark)


def _refuse_odd_keys(node: "yaml.Node", loader: "yaml.SafeLoader") -> None:
    import yaml

    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key_node, value_node in node.value:
            is_text = isinstance(key_node, yaml.ScalarNode) and key_node.tag == _TEXT
            key = loader.construct_object(key_node) if is_text else None
            if not isinstance(key, str):
                raise _RefusedError("a key has to be text; put it in quotes", key_node.start_mark)
            if key in seen:
                raise _RefusedError(f"{shown(key, 60)} is there twice", key_node.start_mark)
            seen.add(key)
            _refuse_odd_keys(value_node, loader)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_odd_keys(item, loader)


def _written(table: dict[str, object]) -> dict[str, object]:
    """Without what has no value: a table whose lines are all commented out."""
    return {
        key: _written(value) if isinstance(value, dict) else value for key, value in table.items() if value is not None
    }


def _reason(error: Exception) -> str:
    """One line of what may be a page with a drawing."""
    if isinstance(error, RecursionError):
        return "too deeply nested"
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    if problem:
        context = getattr(error, "context", None)
        return shown(f"{f'{context}, ' if context else ''}{problem}{f' (line {mark.line + 1})' if mark else ''}", 120)
    return shown(str(error).partition("\n")[0], 120)
