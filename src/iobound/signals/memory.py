"""What this process takes of the machine's memory."""

from __future__ import annotations

import os
from pathlib import Path

STATM = Path("/proc/self/statm")


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
