"""The most threads and descriptors that another process had, sampled from outside.

From outside, because a sampler inside would be one more thread, one more descriptor, and one more party that takes
turns on the interpreter's lock: it would change what it measures. A peak shorter than the pause between two samples
may be missed, so these are lower bounds. Memory needs no sampling: the kernel keeps its peak.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

GONE: tuple[type[Exception], ...] = (OSError,)
"""What a look at a process that has ended raises."""
try:
    psutil: Any = import_module("psutil")
    GONE = (OSError, psutil.Error)
except ModuleNotFoundError:
    psutil = None

PROC = Path("/proc/self/fd").is_dir() and sys.platform == "linux"


class Peaks:
    """The highest counts seen so far of a process; None where this machine offers no way to see them.

    On Linux they come from `/proc`; elsewhere from psutil, if it is installed.
    """

    def __init__(self, pid: int) -> None:
        self.threads: int | None = None
        self.descriptors: int | None = None
        self._count = _counter(pid)

    def look(self) -> None:
        """Count once. A process that is gone, or ends meanwhile, changes nothing."""
        try:
            threads, descriptors = self._count()
        except GONE:
            return
        self.threads = _higher(self.threads, threads)
        self.descriptors = _higher(self.descriptors, descriptors)


def _higher(old: int | None, new: int | None) -> int | None:
    if old is None or new is None:
        return new
    return max(old, new)


def _counter(pid: int) -> Callable[[], tuple[int | None, int | None]]:
    if PROC:
        folder = Path("/proc") / str(pid)
        return lambda: (_entries(folder / "task"), _entries(folder / "fd"))
    if psutil is None:
        return lambda: (None, None)
    process = psutil.Process(pid)
    count = getattr(process, "num_fds", None) or process.num_handles  # Windows has handles
    return lambda: (process.num_threads(), count())


def _entries(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir())
