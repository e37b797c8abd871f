"""`[health]` and `[limits]` as they are compiled: what isn't set isn't there."""


class HealthLimits:
    """What is too little, or too much. 0 switches a limit off."""

    __slots__ = ("cpu_percent", "disk_free_bytes", "disk_usage_percent", "load_per_cpu")

    def __init__(
        self,
        disk_free_bytes: int = 256 * 1024 * 1024,
        disk_usage_percent: float = 0.0,
        cpu_percent: float = 0.0,
        load_per_cpu: float = 0.0,
    ) -> None:
        self.disk_free_bytes = disk_free_bytes
        self.disk_usage_percent = disk_usage_percent
        self.cpu_percent = cpu_percent
        self.load_per_cpu = load_per_cpu


class HealthSettings:
    """How often the host's health is looked at (seconds), and from where on it is worth a warning."""

    __slots__ = ("interval_s", "limits")

    def __init__(self, pairs: "dict[str, str]") -> None:
        self.interval_s = float(pairs.get("health_interval_s", "60"))
        self.limits = HealthLimits()
        self.limits.disk_free_bytes = int(pairs.get("disk_free_bytes", self.limits.disk_free_bytes))
        for name in ("disk_usage_percent", "cpu_percent", "load_per_cpu"):
            setattr(self.limits, name, float(pairs.get(name, "0")))


class ProcessLimits:
    """What the kernel is to refuse beyond: bytes, seconds of processor time, nice levels; 0 for no limit."""

    __slots__ = ("session_cpu_time_s", "session_memory_bytes", "tool_cpu_time_s", "tool_memory_bytes", "tool_nice")

    def __init__(self, pairs: "dict[str, str]") -> None:
        for name in self.__slots__:
            setattr(self, name, -int(-float(pairs.get(name, "0")) // 1))  # rounded up: the kernel takes whole seconds

    tool_memory_bytes: int
    tool_cpu_time_s: int
    tool_nice: int
    session_memory_bytes: int
    session_cpu_time_s: int

    @property
    def limits_tools(self) -> bool:
        """Whether there is anything to do about a tool's process."""
        return bool(self.tool_memory_bytes or self.tool_cpu_time_s or self.tool_nice)

    @property
    def has_any(self) -> bool:
        """Whether anything is limited."""
        return any(getattr(self, name) for name in self.__slots__)
