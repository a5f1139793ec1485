"""What a forked child must know of what came into it: the threads, and whoever held a lock, stayed with its parent."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import ref


class Forked(Protocol):
    """Whatever has threads or locks."""

    def forked(self) -> None:
        """This is a forked child: go on without them. Called before anything else runs here."""


_things: set[ref[Forked]] = set()
"""No `WeakSet`: it forgets in Python code, and a Ctrl-C that lands in there is printed and lost."""


def stays_behind(thing: Forked) -> None:
    """Have `forked` called in every child of this process."""
    _things.add(ref(thing, _things.discard))


def _after_fork_in_child() -> None:
    for thing in filter(None, [each() for each in _things]):
        thing.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
