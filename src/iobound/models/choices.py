"""The models as values: what `model=` accepts, and how each sets up the parties of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, cast

from iobound.models.driver import Driver
from iobound.models.feeders import ConsumerFeeder, InPlaceFeeder, ThreadFeeder
from iobound.models.serial import SerialDriver
from iobound.models.sources import IN_PLACE, is_run
from iobound.models.threads import ThreadCrew
from iobound.words.clock import Clock, SystemClock

if TYPE_CHECKING:
    import asyncio

    from iobound.models.feeders import Feeder
    from iobound.models.job import Job, Workers
    from iobound.words.bells import LoopBell, ThreadBell

SYSTEM = SystemClock()


class Model(Protocol):
    """A way to run calls. `loop` is the running loop of an async consumer, None for a plain one."""

    @property
    def name(self) -> str:
        """What `model=` calls it."""

    @property
    def concurrency(self) -> int:
        """What runs begin with where nobody asked for a limit."""

    @property
    def clock(self) -> Clock:
        """Where the time of its runs comes from."""

    def drive(self, job: Job, bell: ThreadBell | LoopBell, loop: asyncio.AbstractEventLoop | None) -> Driver:
        """Put the parties of a run together; nothing starts yet."""


@dataclass(frozen=True)
class Serial:
    """One call after the other, in the consuming thread; from async code, in one thread beside the loop.

    Example:
        >>> import iobound
        >>> list(iobound.map(str.upper, ["a", "b"], model=iobound.models.Serial()))
        ['A', 'B']
    """

    clock: Clock = field(default=SYSTEM, kw_only=True)
    name = "serial"
    concurrency = 1

    def drive(self, job: Job, bell: ThreadBell | LoopBell, loop: asyncio.AbstractEventLoop | None) -> Driver:
        """Put the parties of a run together; nothing starts yet."""
        if loop is not None:
            return Threads(clock=self.clock).drive(job, bell, loop)
        driver = SerialDriver(job, cast("ThreadBell", bell))
        if is_async_source(job.source):
            driver.feeder = feeder_for(driver, job, None)
        return driver


@dataclass(frozen=True)
class Threads:
    """A bounded crew of daemon threads.

    Example:
        >>> import iobound
        >>> list(iobound.map(len, ["a", "bc"], model=iobound.models.Threads(), concurrency=8))
        [1, 2]
    """

    clock: Clock = field(default=SYSTEM, kw_only=True)
    name = "threads"
    concurrency = 16

    def drive(self, job: Job, bell: ThreadBell | LoopBell, loop: asyncio.AbstractEventLoop | None) -> Driver:
        """Put the parties of a run together; nothing starts yet."""
        driver = Driver(job, bell)
        driver.workers = ThreadCrew(driver)
        driver.feeder = feeder_for(driver, job, loop)
        return driver


@dataclass(frozen=True)
class Asyncio:
    """A bounded crew of tasks: on the caller's loop, or from plain code on a private one.

    Example:
        >>> import iobound
        >>> async def double(x):
        ...     return 2 * x
        >>> list(iobound.map(double, [1, 2], model=iobound.models.Asyncio()))
        [2, 4]
    """

    clock: Clock = field(default=SYSTEM, kw_only=True)
    name = "asyncio"
    concurrency = 16

    def drive(self, job: Job, bell: ThreadBell | LoopBell, loop: asyncio.AbstractEventLoop | None) -> Driver:
        """Put the parties of a run together; nothing starts yet."""
        driver = Driver(job, bell)
        driver.workers = task_crew(driver, loop)
        driver.feeder = feeder_for(driver, job, loop, private_loop=loop is None)
        return driver


def task_crew(driver: Driver, loop: asyncio.AbstractEventLoop | None) -> Workers:
    """Worker tasks; only here does asyncio get imported."""
    from iobound.models.asyncio import TaskCrew  # noqa: PLC0415 - plain runs never pay for asyncio

    return TaskCrew(driver, loop)


def is_async_source(source: object) -> bool:
    """Whether only a loop can iterate it."""
    return hasattr(source, "__aiter__") and not hasattr(source, "__iter__")


def feeder_for(
    driver: Driver,
    job: Job,
    loop: asyncio.AbstractEventLoop | None,
    *,
    private_loop: bool = False,
) -> Feeder:
    """Who pulls the source: promise 2 in one place."""
    source = job.source
    if is_async_source(source) or (loop is not None and is_run(source)):
        from iobound.models.loop_feeders import LoopThreadFeeder, TaskFeeder  # noqa: PLC0415 - as above

        return TaskFeeder(driver, loop) if loop is not None or private_loop else LoopThreadFeeder(driver, None)
    if job.feed == "consumer":
        return ConsumerFeeder(driver)
    if type(source) in IN_PLACE and job.prepare is None:
        return InPlaceFeeder(driver)
    return ThreadFeeder(driver)
