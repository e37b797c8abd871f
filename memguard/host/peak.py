"""The most that a process has ever held, which readings in between miss. Linux; elsewhere it isn't known."""

from memguard.host.linux import kilobytes, read_bytes

# As for a footprint: groups come before the sizes.
_STATUS_BYTES = 16384


def peak_bytes(pid: int, proc: str = "/proc") -> int:
    """The high-water mark of what is resident, less the mapped files of now; 0 where the host doesn't say.

    Of memory that was swapped out at the peak nothing is in it.
    """
    status = b"\n" + read_bytes(f"{proc}/{pid}/status", _STATUS_BYTES)
    most_bytes, files_bytes = kilobytes(status, b"\nVmHWM:"), kilobytes(status, b"\nRssFile:")
    return max(0, most_bytes - files_bytes)
