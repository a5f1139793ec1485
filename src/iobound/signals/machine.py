"""What this machine, and the control group this process lives in, allow."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from iobound.signals.descriptors import descriptor_limits, open_descriptors, room_for_calls

CGROUP = Path("/sys/fs/cgroup")
EXTRAS = {"cli": ("click", "rich"), "http": ("aiohttp",), "lab": ("aiofiles", "aiohttp", "psutil")}


@dataclass(frozen=True)
class Machine:
    """Plain facts; None where this platform does not tell."""

    python: str
    gil: bool
    system: str
    cpus: int
    """Processors of the machine."""
    allowed_cpus: float
    """Processors that this process may use: by affinity and by the quota of its control group."""
    memory: int | None
    """Bytes: of the machine, or the limit of the control group if that is less."""
    memory_is_limited: bool
    descriptors: int | None
    """Soft limit of open files."""
    most_descriptors: int | None
    """Hard limit: as far as the soft one can be raised."""
    open_descriptors: int | None
    fair_descriptors: int | None
    """Connections that can safely be open at once: four fifths of what is left."""
    extras: dict[str, bool]

    @property
    def to_thread_pool(self) -> int:
        """Threads of asyncio's default executor, which looks at the machine and not at quotas."""
        return min(32, _seen_by_python() + 4)


def examine() -> Machine:
    """Look at this machine."""
    soft, hard = descriptor_limits()
    memory, limited = _memory()
    return Machine(
        python=f"{platform.python_implementation()} {platform.python_version()}",
        gil=getattr(sys, "_is_gil_enabled", lambda: True)(),
        system=f"{platform.system()} {platform.release()}",
        cpus=os.cpu_count() or 1,
        allowed_cpus=allowed_cpus(),
        memory=memory,
        memory_is_limited=limited,
        descriptors=soft,
        most_descriptors=hard,
        open_descriptors=open_descriptors(),
        fair_descriptors=room_for_calls(),
        extras={name: all(map(find_spec, modules)) for name, modules in EXTRAS.items()},
    )


def _seen_by_python() -> int:
    count = getattr(os, "process_cpu_count", os.cpu_count)  # 3.13 looks at the affinity
    return count() or 1


def allowed_cpus() -> float:
    """By affinity, and by the CPU quota of the control group (cgroup v2, then v1)."""
    usable = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    quota = _words(_own_group() / "cpu.max") or _words(CGROUP / "cpu.max")
    if not quota:
        quota = _words(CGROUP / "cpu/cpu.cfs_quota_us") + _words(CGROUP / "cpu/cpu.cfs_period_us")
    if len(quota) == 2 and quota[0].isdigit() and int(quota[1]):  # noqa: PLR2004 - quota and period
        usable = min(usable, int(quota[0]) / int(quota[1]))
    return usable


def _memory() -> tuple[int | None, bool]:
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None, False
    files = (_own_group() / "memory.max", CGROUP / "memory.max", CGROUP / "memory/memory.limit_in_bytes")
    limits = [int(words[0]) for words in map(_words, files) if words and words[0].isdigit()]
    least = min([whole, *limits])
    return least, least < whole


def _own_group() -> Path:
    """The folder of this process's own control group, in version 2."""
    lines = _words(Path("/proc/self/cgroup"), by_line=True)
    path = next((line.removeprefix("0::").lstrip("/") for line in lines if line.startswith("0::")), "")
    return CGROUP / path


def _words(file: Path, *, by_line: bool = False) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError:
        return []
    return text.splitlines() if by_line else text.split()
