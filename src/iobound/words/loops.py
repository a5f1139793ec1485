"""Whether an event loop or a task runs here, asked without importing asyncio."""

from __future__ import annotations

import sys
from typing import Any


def loop_runs_here() -> bool:
    """Whether this thread is inside a running event loop that others need: blocking it would stop all else there.

    The loop of a notebook does not count: it waits for its cell anyway.
    """
    asyncio = sys.modules.get("asyncio.events")  # not loaded: no loop can run
    running = asyncio is not None and asyncio._get_running_loop() is not None  # noqa: SLF001 - documented for libraries
    ipython = sys.modules.get("IPython") if running else None
    return running and (ipython is None or ipython.get_ipython() is None)


def task_here() -> Any:
    """The task that runs this code; None outside of all."""
    asyncio = sys.modules.get("asyncio.events")  # not loaded: no loop can run
    loop = None if asyncio is None else asyncio._get_running_loop()  # noqa: SLF001 - documented for libraries
    return None if loop is None else sys.modules["asyncio"].current_task(loop)
