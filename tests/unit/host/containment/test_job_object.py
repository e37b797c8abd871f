"""A Windows job object against a stand-in library: never run on Windows."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from memguard.core.identity import ProcessId
from memguard.host.containment import job_object


class Kernel32:
    """The few functions of kernel32 that are used; `pids` are the job's members."""

    def __init__(self) -> None:
        self.pids: list[int] = []
        self.terminated_with: list[int] = []
        self.closed = 0
        self.names: list[str] = []

    def CreateJobObjectW(self, _attributes: object, name: str) -> int:  # noqa: N802
        self.names.append(name)
        return 0x1_0000_0007  # wider than an int: a handle is a pointer

    def OpenProcess(self, _access: int, _inherit: int, pid: int) -> int:  # noqa: N802
        return 1000 + pid if pid < 100 else 0

    def AssignProcessToJobObject(self, job: Any, process: Any) -> int:  # noqa: N802
        assert job.value == 0x1_0000_0007
        self.pids.append(process.value - 1000)
        return 1

    def QueryInformationJobObject(self, _job: Any, kind: int, buffer: Any, size: int, _out: object) -> int:  # noqa: N802
        assert kind == 3
        width = ctypes.sizeof(ctypes.c_void_p)
        counts = len(self.pids).to_bytes(4, "little") * 2
        data = counts + b"".join(pid.to_bytes(width, "little") for pid in self.pids)
        ctypes.memmove(buffer, data, min(len(data), size))
        return 1

    def TerminateJobObject(self, _job: Any, code: int) -> int:  # noqa: N802
        self.terminated_with.append(code)
        self.pids = []
        return 1

    def CloseHandle(self, _handle: Any) -> int:  # noqa: N802
        self.closed += 1
        return 1


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Kernel32:
    library = Kernel32()
    monkeypatch.setattr(job_object, "_library", lambda: library)
    return library


def _process(pid: int) -> ProcessId:
    return ProcessId(pid, 1, "boot", "0")


def test_a_client_is_assigned_and_what_it_starts_is_listed(library: Kernel32) -> None:
    job = job_object.make("aa")
    assert library.names == ["Local\\memguard-aa"]
    assert job.place(_process(7))
    library.pids.append(8)
    assert job.roots() == [8]
    assert not job.place(_process(100)), "a process that can't be opened"


def test_all_is_terminated_unless_somebody_is_spared(library: Kernel32) -> None:
    job = job_object.make("aa")
    library.pids = [7, 8]
    assert job.end_all([8]) == [7]
    assert library.terminated_with == []
    assert job.end_all() == []
    assert library.terminated_with == [137]
