"""Whether an event loop runs here, asked without importing asyncio."""

from __future__ import annotations

import sys


def loop_runs_here() -> bool:
    """Whether this thread is inside a running event loop: blocking it would stop everything else there."""
    asyncio = sys.modules.get("asyncio.events")  # not loaded: no loop can run
    return asyncio is not None and asyncio._get_running_loop() is not None  # noqa: SLF001 - documented for libraries
