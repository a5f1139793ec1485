"""Whether an event loop runs here, asked without importing asyncio."""

from __future__ import annotations

import sys


def loop_runs_here() -> bool:
    """Whether this thread is inside a running event loop that others need: blocking it would stop all else there.

    The loop of a notebook does not count: it waits for its cell anyway.
    """
    asyncio = sys.modules.get("asyncio.events")  # not loaded: no loop can run
    running = asyncio is not None and asyncio._get_running_loop() is not None  # noqa: SLF001 - documented for libraries
    ipython = sys.modules.get("IPython") if running else None
    return running and (ipython is None or ipython.get_ipython() is None)
