"""Bells: how one party of a run wakes another, whatever thread or loop each lives in.

A ring is remembered until somebody waits for it, rings do not add up, and ringing takes no lock that a run
holds. Whoever is about to wait first says so under the run's lock and looks again: a ring is never lost.
"""

from __future__ import annotations

import sys
from _thread import allocate_lock, get_ident
from typing import TYPE_CHECKING, Protocol

from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    import asyncio

ALWAYS = not getattr(sys, "_is_gil_enabled", lambda: True)()
"""Without a GIL nobody may look past a lock to see that nobody waits: whoever might wait counts as waiting."""


class Bell(Protocol):
    """Something that wakes the party that owns it."""

    def ring(self) -> None:
        """Wake the owner, or spare it its next wait. Any thread may call it."""


class ThreadBell:
    """Wakes a thread. A bare lock that its owner holds: the cheapest wait the interpreter has."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()

    def ring(self) -> None:
        """Wake the thread that waits, or the next one that will."""
        try:
            self._lock.release()
        except RuntimeError:
            pass  # it was rung already

    def wait(self, seconds: float | None = None) -> None:
        """Block until rung, at most `seconds`. Returns either way: the caller looks for itself."""
        if seconds is None:
            self._lock.acquire()
        else:
            self._lock.acquire(timeout=min(seconds, 1e6))


class LoopBell:
    """Wakes a coroutine on `loop`, the running loop of the thread that makes the bell."""

    __slots__ = ("_loop", "_rung", "_thread", "_waiter")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread = get_ident()
        self._waiter: asyncio.Future[None] | None = None
        self._rung = False

    def ring(self) -> None:
        """Wake the coroutine that waits, or the next one that will."""
        if get_ident() == self._thread:
            self._ring_here()
            return
        try:
            self._loop.call_soon_threadsafe(self._ring_here)
        except RuntimeError:
            pass  # the loop is closed: nobody is left to wake

    @property
    def here(self) -> bool:
        """Whether the caller runs on its loop."""
        import asyncio  # noqa: PLC0415 - there is a loop, so it is there

        return asyncio.get_running_loop() is self._loop

    @property
    def awaited(self) -> bool:
        """Whether a coroutine waits for it now."""
        return self._waiter is not None

    def _ring_here(self) -> None:
        self._rung = True
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            try:
                waiter.set_result(None)
            except Exception:  # `InvalidStateError`: the handler of Ctrl-C has cancelled it just now
                if not waiter.done():
                    raise

    async def wait(self, seconds: float = FOREVER) -> None:
        """Wait until rung, at most `seconds`. A cancelled wait loses no ring."""
        if not self._rung:
            self._waiter = self._loop.create_future()
            timer = None if seconds == FOREVER else self._loop.call_later(seconds, self._ring_here)
            try:
                await self._waiter
            finally:
                self._waiter = None
                if timer is not None:
                    timer.cancel()
        self._rung = False
