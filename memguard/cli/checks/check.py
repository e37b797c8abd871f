"""One line of `memguard doctor`."""

OK = "ok"
WARN = "warn"  # something is missing that memguard does without
FAIL = "fail"  # something doesn't work that it needs

# How far a mechanism is known to work, as in docs/architecture.md.
RUN_HERE = "run here"
RUN_IN_PART = "run here; memory events fixture only"
FIXTURE_ONLY = "fixture only"
NEVER_RUN = "never run"


class Check:
    """What was found, and what to do about it. `label` is for mechanisms: how far this one was tried by its makers."""

    __slots__ = ("label", "name", "next_step", "status", "what")

    def __init__(self, status: str, what: str, next_step: str = "", label: str = "") -> None:
        self.name = ""
        self.status = status
        self.what = what
        self.next_step = next_step
        self.label = label

    def to_dict(self) -> dict[str, str]:
        """For `--json`."""
        names = ("name", "status", "what", "next_step", "label")
        return {name: getattr(self, name) for name in names}
