"""One part of a session's process tree: the client, a running tool call, an MCP server, a hook, or something else."""

CLIENT = "client"
TOOL = "tool"
MCP = "mcp"
HOOK = "hook"
OTHER = "other"
KINDS = (CLIENT, TOOL, MCP, HOOK, OTHER)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.core.identity import ProcessId
    from memguard.core.reading import ProcessReading


class Part:
    """A subtree and what it holds.

    `root` is the process that it began with (the client of the client's own part, which is that process alone);
    `call` the tool_use_id that it runs for, empty where none is known; `name` the tool, or the process for people.
    `growth_bytes` is since the part was first seen, `rate_bytes_per_s` of late; `budget_index` is its line in the
    person's `[tools]`, -1 for none.
    """

    __slots__ = ("budget_index", "call", "growth_bytes", "kind", "name", "processes", "rate_bytes_per_s", "root")

    def __init__(self, kind: str, name: str, root: "ProcessId", processes: "list[ProcessReading]") -> None:
        self.kind = kind
        self.name = name
        self.root = root
        self.processes = processes
        self.call = ""
        self.growth_bytes = 0
        self.rate_bytes_per_s = 0.0
        self.budget_index = -1

    @property
    def footprint_bytes(self) -> int:
        """The sum over its processes: an upper bound, where they share memory."""
        return sum(process.footprint_bytes for process in self.processes)
