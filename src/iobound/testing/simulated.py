"""`Simulated`: a model that dispatches calls on virtual time, in one thread and without a loop."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from iobound.models.calls import is_async
from iobound.models.choices import is_async_source
from iobound.testing.clock import VirtualClock
from iobound.testing.simulation import SimulatedDriver
from iobound.words.errors import hinted

if TYPE_CHECKING:
    import asyncio

    from iobound.models.driver import Driver
    from iobound.models.job import Job
    from iobound.words.bells import LoopBell, ThreadBell


@dataclass(frozen=True)
class Simulated:
    """A model for tests: calls run at the same time on a virtual clock, in the one thread that consumes the run.

    A call takes the time that it sleeps on the clock (`clock.sleep`, and so every `Scripted` with that clock),
    and nothing else takes any. It is made in one go when it starts; its result comes when its time is over. A
    source may sleep too, without holding up the calls. Calls cannot be stopped: past `task_timeout` they are
    given up, as on threads. All happens under the consumer's `next`, where the tracebacks of failures lead: close a
    run, or use `with`, rather than drop it.

    Time passes while the consumer waits for a result, or moves the clock itself; several runs may share a
    clock. For plain functions, sources and consumers: async ones run on `run_virtual`.

    Args:
        clock: the virtual time; a new one if none is given.

    Raises:
        TypeError: at first use, for an async function, source or consumer.
        RuntimeError: at `next`, if all calls that run hang and nothing will ever end them.

    Example:
        >>> import iobound
        >>> from iobound.testing import Act, Scripted, Simulated, VirtualClock
        >>> clock = VirtualClock()
        >>> fetch = Scripted(Act(seconds=1), clock=clock)
        >>> results = list(iobound.map(fetch, range(100), model=Simulated(clock), concurrency=10))
        >>> len(results), fetch.peak, clock.now()
        (100, 10, 10.0)
    """

    clock: VirtualClock = field(default_factory=VirtualClock)
    name = "simulated"
    concurrency = 16

    def drive(self, job: Job, bell: ThreadBell | LoopBell, loop: asyncio.AbstractEventLoop | None) -> Driver:
        """Put the parties of a run together; nothing starts yet."""
        if loop is not None or is_async(job.call.fn) or is_async_source(job.source):
            error = TypeError("model=Simulated() takes a plain function and source, and a plain `for`")
            raise hinted(error, "async code runs on virtual time under iobound.testing.run_virtual()")
        # Whoever dispatches settles every call under the lock, so that the core knows what is in flight.
        exact = replace(job, rules=replace(job.rules, counted=True))
        return SimulatedDriver(exact, cast("ThreadBell", bell), self.clock)
