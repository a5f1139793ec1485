"""What a child that was forked in mid-run must know: the threads and locks of the run stayed with its parent."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from weakref import ref

if TYPE_CHECKING:
    from iobound.models.driver import Driver

_drivers: set[ref[Driver]] = set()
"""No `WeakSet`: it forgets in Python code, and a Ctrl-C that lands in there is printed and lost."""


def stays_behind(driver: Driver) -> None:
    """Have `Driver.forked` called in every child of this process."""
    _drivers.add(ref(driver, _drivers.discard))


def _after_fork_in_child() -> None:
    for driver in filter(None, [each() for each in _drivers]):
        driver.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
