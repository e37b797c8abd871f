"""The client's permission modes, from the narrowest to the widest."""

BYPASS = "bypassPermissions"
# As hooks report them and --permission-mode takes them. `dontAsk` refuses what `default` would ask about.
MODES = ("plan", "dontAsk", "default", "acceptEdits", "auto", BYPASS)


def narrower(one: str, other: str) -> str:
    """Of two modes the one that allows less; an unknown or empty one says nothing."""
    known = [mode for mode in (one, other) if mode in MODES]
    return min(known, key=MODES.index, default="")
