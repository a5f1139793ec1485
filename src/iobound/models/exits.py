"""What becomes of pools when the interpreter leaves, and in a forked child.

At a normal exit all that was submitted is finished. Once a KeyboardInterrupt has ended the program nothing more is
started, and what runs is left behind: its threads are daemons.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from iobound.models.pool import Pool

_pools: WeakSet[Pool] = WeakSet()
"""Those that may have work: threads keep their pool alive."""
_lock = threading.Lock()
_leaving = False


def watch(pool: Pool) -> None:
    """See to this pool at the exit; it is about to start its first thread."""
    with _lock:
        if _leaving:
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")
        _pools.add(pool)


def interrupted() -> bool:
    """Whether a KeyboardInterrupt ended the program. At a prompt it only ended a command."""
    last = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    return isinstance(last, KeyboardInterrupt) and not hasattr(sys, "ps1")


def _drain() -> None:
    global _leaving  # noqa: PLW0603 - the interpreter leaves once
    with _lock:
        _leaving = True
        pools = list(_pools)
    if interrupted():
        for pool in pools:
            pool.close(cancel=True)
        return
    for pool in pools:
        pool.close()
    for pool in pools:
        pool.join()


def _after_fork_in_child() -> None:
    """Threads did not come along, and who held a lock may be gone."""
    global _lock  # noqa: PLW0603 - the parent's may be held for ever
    _lock = threading.Lock()
    for pool in _pools:
        pool.forget()
    _pools.clear()


# Like the standard library's pools, before non-daemon threads are waited for: from `atexit` callbacks on, Python
# 3.12 and later start no thread any more, and a call that needs one would fail.
getattr(threading, "_register_atexit", atexit.register)(_drain)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
