"""How a run ends: everybody goes home, within `grace`, and errors are told whole."""

from __future__ import annotations

from _thread import interrupt_main, start_new_thread
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from iobound.words.bells import LoopBell, ThreadBell
from iobound.words.clock import FOREVER
from iobound.words.errors import cut_short, surfaced

if TYPE_CHECKING:
    import asyncio

    from iobound.core.run import Core
    from iobound.models.driver import Driver
    from iobound.options import Options

MARGIN = 0.25
"""Seconds more than `grace`, so that a loop which waits for its calls is heard before we give up on it."""
INTERRUPTED = 0.5
"""Seconds that cleanup may take after Ctrl-C."""


def running_loop() -> asyncio.AbstractEventLoop:
    """The loop of the calling coroutine."""
    import asyncio  # noqa: PLC0415 - plain code never pays for it

    return asyncio.get_running_loop()


class Ending:
    """The half of a `Run` that ends it, however it ends; a KeyboardInterrupt may land between any two of its steps."""

    _driver: Driver | None = None
    """On the class, so that one whose making was interrupted can be dropped, too."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._loop: Any = None
        self._over = False
        self._owner = 0
        """The thread that may take results without being asked anything; 0: `_claim` asks."""
        self._lost = False
        """Ctrl-C fell into a delivery."""
        self._error_told = False

    def close_within(self, seconds: float) -> None:
        """Stop now, as the source of a run that has so many seconds left itself."""
        if self._driver is not None:
            self._end(self._driver, cut_short(), None, seconds)

    def _end(
        self, driver: Driver, error: RuntimeError | None, cause: BaseException | None = None, within: float = FOREVER
    ) -> None:
        """Everybody goes home; without an error because the run is over by itself."""
        if not self._over:
            try:
                if self._loop is None:  # on a loop it is only told to stop: the consumer there ends it
                    self._over, self._owner = True, 0
                close(driver, error, min(within, patience(driver, self._options.grace, cause)))
            except BaseException:  # Ctrl-C, while it waits
                driver.collected()
                raise

    def _abort(self, driver: Driver, cause: BaseException) -> None:
        """What was being delivered is lost: the run never looks complete."""
        self._lost = True
        self._end(driver, cut_short(), cause)

    async def _aend(self, error: RuntimeError | None, cause: BaseException | None = None) -> None:
        driver, was_over = self._driver, self._over
        self._over, self._owner = True, 0
        if driver is not None and not was_over:
            try:
                await aclose(driver, error, patience(driver, self._options.grace, cause))
            except BaseException:  # Ctrl-C, or a cancellation, while it waits
                driver.collected()
                raise

    def _last_word(self, driver: Driver, complete: Exception) -> BaseException:
        """What `next` raises at the end: the run's error, once; `complete` only if it is."""
        error = told_whole(driver.core)
        if error is None:
            return complete if driver.core.complete and not self._lost else cut_short()
        if self._error_told:
            return cut_short()
        self._error_told = True
        return error

    def __del__(self) -> None:
        """A run that is dropped unfinished stops."""
        driver = self._driver
        if driver is not None and not self._over:
            try:
                driver.collected()
            except KeyboardInterrupt:  # Python would print and forget it: it comes again, outside of here
                driver.collected()
                start_new_thread(interrupt_main, ())


def patience(driver: Driver, grace: float, cause: BaseException | None) -> float:
    """Nobody waits `grace` after Ctrl-C, `cancel()` or `drain()`, nor a cancelled task for threads.

    After Ctrl-C it is one half second for all the runs that the exception passes through.
    """
    stopped = cause is not None and not isinstance(cause, Exception)
    if driver.hurried and not stopped:
        return min(grace, INTERRUPTED)
    if not (isinstance(cause, KeyboardInterrupt) or (stopped and not driver.workers.cancels)):
        late = driver.core.lingering  # its calls have had some of it, or all
        return min(grace, max(0.0, driver.core.drain_until - driver.clock.now())) if late else grace
    now = driver.clock.now()
    until: float = vars(cause).setdefault("_iobound_until", now + INTERRUPTED)
    return min(grace, INTERRUPTED, max(0.0, until - now))


def close(driver: Driver, error: BaseException | None, grace: float) -> None:
    """Stop, and wait until all parties have left, at most `grace`. An async run can only be told to stop."""
    if not driver.mine:
        return
    driver.grace = grace
    driver.stop(error)
    if isinstance(driver.bell, ThreadBell):
        bell, deadline = ThreadBell(), driver.clock.now() + grace + _margin(driver)
        while not driver.gone(bell) and driver.clock.now() < deadline:
            driver.clock.wait(bell, deadline)
        driver.finish(max(0.0, deadline - driver.clock.now()))


async def aclose(driver: Driver, error: BaseException | None, grace: float) -> None:
    """The same from a coroutine on the run's loop, which is never blocked."""
    if not driver.mine:
        return
    driver.grace = grace
    driver.stop(error)
    bell, deadline = LoopBell(running_loop()), driver.clock.now() + grace + _margin(driver)
    while not driver.gone(bell) and (left := deadline - driver.clock.now()) > 0:
        await bell.wait(left)
    driver.finish(0.0)


def _margin(driver: Driver) -> float:
    return MARGIN if driver.workers.cancels else 0.0


def told_whole(core: Core) -> BaseException | None:
    """The error a run ends with, the other failures in flight named in a note."""
    error = core.error
    if error is not None and core.others:
        with suppress(Exception):  # a `__repr__` or `add_note` of the user's that fails must not replace the failure
            named = "; ".join(f"item #{index}: {other!r}" for index, other in core.others)
            error.add_note(f"other calls failed meanwhile: {named}")
        core.others.clear()
    return None if error is None else surfaced(error)
