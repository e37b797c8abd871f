"""`[limits]`: what the kernel is told of a session and its tools, where the person has set any."""

from memguard.core.units import format_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from memguard.core.identity import ProcessId
    from memguard.watchdog.guarded_session import GuardedSession


class LimitKeeper:
    """Sets limits on clients and on tools' processes; says once for each cause what can't be set."""

    def __init__(self, session: "GuardedSession") -> None:
        self._session = session
        self._said: set[str] = set()

    def limit_client(self, client: "ProcessId") -> None:
        """Before it begins, where a launcher holds it until then: all that it starts inherits it.

        Its memory is limited by its control group alone: what a client reserves says nothing of what it uses.
        """
        limits = self._session.settings.limits
        if limits is None:
            return
        if limits.session_cpu_time_s:
            from memguard.host.process_limits import limit_process  # a watchdog without limits does without

            self._note("session_cpu_time", limit_process(client, 0, limits.session_cpu_time_s, 0))
        is_held = not limits.session_memory_bytes or self._session.containment.limit(limits.session_memory_bytes)
        self._note("session_memory", "" if is_held else "no control group counts this session's memory")
        self._session.journal.status(kernel_limits=self._shown(is_held))

    def limit_tool(self, who: "ProcessId") -> None:
        """One process of a tool call, when it is seen first."""
        limits = self._session.settings.limits
        if limits and limits.limits_tools:
            from memguard.host.process_limits import limit_process

            why = limit_process(who, limits.tool_memory_bytes, limits.tool_cpu_time_s, limits.tool_nice)
            self._note("tool", why, pid=who.pid)

    def _note(self, what: str, why: str, **more: object) -> None:
        if why and f"{what} {why}" not in self._said:
            self._said.add(f"{what} {why}")
            self._session.journal.event("limit_not_set", limit=what, why=why, **more)

    def _shown(self, is_held: bool) -> "list[str]":
        """For `memguard status`."""
        limits = self._session.settings.limits
        if limits is None:
            return []
        texts = []
        if limits.tool_memory_bytes:
            texts.append(f"{format_size(limits.tool_memory_bytes)} for each process of a tool")
        if limits.tool_cpu_time_s:
            texts.append(f"{limits.tool_cpu_time_s} s of processor time for each process of a tool")
        if limits.tool_nice:
            texts.append(f"tools at nice {limits.tool_nice}")
        if limits.session_memory_bytes:
            doubt = "" if is_held else " (NOT SET: no control group counts its memory)"
            texts.append(f"{format_size(limits.session_memory_bytes)} for the session{doubt}")
        if limits.session_cpu_time_s:
            texts.append(f"{limits.session_cpu_time_s} s of processor time for each process of the session")
        return texts
