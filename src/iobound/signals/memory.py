"""What this process takes of the machine's memory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

STATM = Path("/proc/self/statm")
KIB = 1024


def peak() -> int:
    """Bytes of memory that this process had in use at most; 0 where the platform does not tell."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def resident() -> int | None:
    """Bytes of memory that this process has in use; None where the platform does not tell without help.

    Linux tells it in /proc; elsewhere psutil does, if it is installed.
    """
    try:
        return int(STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        pass
    try:
        import psutil  # type: ignore[import-untyped] # noqa: PLC0415 - only where it is needed
    except ImportError:
        return None
    return int(psutil.Process().memory_info().rss)


def trim() -> None:
    """Have the allocator give back to the system what it keeps of memory that was freed, where it can be told to.

    glibc keeps it for each of its arenas, and so for each few threads: what a call has freed stays resident, and the
    next one, in another thread, takes as much again. `malloc_trim(3)`; nothing happens where there is none.
    """
    from ctypes import CDLL  # noqa: PLC0415 - only who is short of memory pays for it

    try:
        CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):
        pass  # macOS, musl, Windows
