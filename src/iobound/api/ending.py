"""How a run ends: everybody goes home, within `grace`, and errors are told whole."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from iobound.words.bells import LoopBell, ThreadBell
from iobound.words.errors import surfaced

if TYPE_CHECKING:
    import asyncio

    from iobound.core.run import Core
    from iobound.models.driver import Driver

MARGIN = 0.25
"""Seconds more than `grace`, so that a loop which waits for its calls is heard before we give up on it."""
INTERRUPTED = 0.5
"""Seconds that cleanup may take after Ctrl-C."""


def running_loop() -> asyncio.AbstractEventLoop:
    """The loop of the calling coroutine."""
    import asyncio  # noqa: PLC0415 - plain code never pays for it

    return asyncio.get_running_loop()


def close(driver: Driver, error: BaseException | None, grace: float) -> None:
    """Stop, and wait until all parties have left, at most `grace`. An async run can only be told to stop."""
    if not driver.mine:
        return
    driver.grace = grace
    driver.stop(error)
    if isinstance(driver.bell, ThreadBell):
        margin = MARGIN if driver.workers.cancels else 0.0
        bell, deadline = ThreadBell(), driver.clock.now() + grace + margin
        while not driver.gone(bell) and driver.clock.now() < deadline:
            driver.clock.wait(bell, deadline)
        driver.finish()


async def aclose(driver: Driver, error: BaseException | None, grace: float) -> None:
    """The same from a coroutine on the run's loop, which is never blocked."""
    if not driver.mine:
        return
    driver.grace = grace
    driver.stop(error)
    margin = MARGIN if driver.workers.cancels else 0.0
    bell, deadline = LoopBell(running_loop()), driver.clock.now() + grace + margin
    while not driver.gone(bell) and (left := deadline - driver.clock.now()) > 0:
        await bell.wait(left)
    driver.finish()


def told_whole(core: Core) -> BaseException | None:
    """The error a run ends with, the other failures in flight named in a note."""
    error = core.error
    if error is not None and core.others:
        with suppress(Exception):  # a `__repr__` or `add_note` of the user's that fails must not replace the failure
            named = "; ".join(f"item #{index}: {other!r}" for index, other in core.others)
            error.add_note(f"other calls failed meanwhile: {named}")
        core.others.clear()
    return None if error is None else surfaced(error)
