"""An event loop on virtual time: where nothing is ready, the clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import selectors
from math import ulp
from threading import current_thread
from threading import enumerate as all_threads
from typing import TYPE_CHECKING, Any, TypeVar

from iobound.testing.clock import VirtualClock
from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from collections.abc import Coroutine

R = TypeVar("R")

RESOLUTION = 1e-9
"""Seconds."""
PATIENCE = 0.05
"""Real seconds that other threads, and sockets, get to wake the loop before it jumps."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose time is that of a `VirtualClock`, which it moves itself.

    When nothing is ready it jumps to the next timer (or to the next appointment of the clock), so that
    `asyncio.sleep(3600)` takes no time. Runs of iobound that are consumed on it live by the same clock.

    While another thread lives that might still wake the loop (any but those asleep on the clock), or a socket
    or pipe is being watched, the loop first waits `patience` real seconds for it, at every jump: what takes
    longer in a thread is overtaken by the timers. With `patience=float("inf")` time stands still as long as
    another thread lives.

    Args:
        clock: the time; a new one if none is given.
        patience: real seconds.

    Example:
        >>> loop = VirtualLoop()
        >>> loop.run_until_complete(asyncio.sleep(86400)), loop.time()
        (None, 86400.0)
        >>> loop.close()
    """

    def __init__(self, clock: VirtualClock | None = None, *, patience: float = PATIENCE) -> None:
        self.clock = VirtualClock() if clock is None else clock
        """Where `iobound` finds the time of runs that are consumed here."""
        self._scheduled: list[asyncio.TimerHandle]
        super().__init__(_Jumping(self, patience))

    def time(self) -> float:
        """Seconds on the virtual clock."""
        return self.clock.now()

    @property
    def _clock_resolution(self) -> float:
        """Asyncio keeps a timer once it is due within this; so it must not vanish beside a moment far away."""
        return max(RESOLUTION, 2 * ulp(self.clock.now()))

    @_clock_resolution.setter
    def _clock_resolution(self, seconds: float) -> None:
        pass  # that of the machine's clock, which is not ours

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109
        """Wait for the threads of `asyncio.to_thread` in real time: here, a timeout would pass at once."""
        await super().shutdown_default_executor()

    def next_timer(self) -> float:
        """When the next timer is due, in seconds on the virtual clock; infinite if there is none."""
        return self._scheduled[0].when() if self._scheduled else FOREVER


def run_virtual(main: Coroutine[Any, Any, R], *, clock: VirtualClock | None = None, patience: float = PATIENCE) -> R:
    """`asyncio.run(main)` on a `VirtualLoop`: what `main` waits for by time takes no time.

    Args:
        main: the coroutine to run.
        clock: the virtual time; a new one if none is given.
        patience: real seconds that other threads get to wake the loop before time jumps on.

    Returns:
        What `main` returns.

    Raises:
        RuntimeError: everything waits, and nothing is left that could ever wake it: a deadlock.

    Example:
        >>> async def main():
        ...     await asyncio.sleep(3600)
        ...     return asyncio.get_running_loop().time()
        >>> run_virtual(main())
        3600.0
    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock, patience=patience)) as runner:
        return runner.run(main)


class _Jumping(selectors.BaseSelector):
    """A selector that lets virtual time pass instead of real time."""

    def __init__(self, loop: VirtualLoop, patience: float) -> None:
        self._loop = loop
        self._clock = loop.clock
        self._patience = patience
        self._real = selectors.DefaultSelector()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Any:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; if nothing is, and the loop would wait, time jumps to what comes next."""
        ready = self._real.select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        clock = self._clock
        moment = clock.next_moment()
        # Not by `timeout`, which asyncio cuts to a day.
        timer = self._loop.next_timer()
        target = min(timer, moment)
        patience: float | None = 0.0  # a thread that has just ended may have rung before
        others = self._others()
        if others:
            patience = None if self._patience == FOREVER else self._patience
        ready = self._real.select(patience)
        if ready:
            return ready
        if target == FOREVER:
            if others:
                return []  # one may have made an appointment meanwhile
            msg = "deadlock on the virtual loop: everything waits, and no timer, thread or socket will ever wake it"
            raise RuntimeError(msg)
        if moment <= timer:
            clock.step(moment)
        else:
            clock.advance_to(timer)
        return []

    def _others(self) -> bool:
        """Whether anything but time may wake the loop: its own entry is the pipe that threads ring by."""
        if len(self._real.get_map()) > 1:
            return True
        here = current_thread()
        return any(thread is not here and not self._clock.is_asleep(thread) for thread in all_threads())
