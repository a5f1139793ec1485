"""What other programs take of the processors."""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic, process_time

STAT = Path("/proc/stat")


class Others:
    """The processors that other programs keep busy, on average, since this was made or last asked."""

    def __init__(self) -> None:
        self.before = _read()

    def cores(self) -> float | None:
        """So many; None where the platform does not tell (only Linux does)."""
        before, self.before = self.before, _read()
        if before is None or self.before is None or self.before[0] <= before[0]:
            return None
        elapsed, busy, own = (now - then for now, then in zip(self.before, before, strict=True))
        return max(0.0, (busy - own) / elapsed)


def _read() -> tuple[float, float, float] | None:
    """Now; seconds that all processors were busy, and that this process was."""
    try:
        words = STAT.read_text(encoding="ascii").split(maxsplit=9)[1:9]
        user, nice, system, _idle, _iowait, *interrupts = map(int, words)
        return monotonic(), (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK"), process_time()
    except (OSError, ValueError, AttributeError):
        return None
