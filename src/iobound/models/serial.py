"""`model="serial"`: one call after the other, where the run is consumed. For debuggers, and for cheap calls."""

from __future__ import annotations

from contextlib import ExitStack
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from iobound.core.run import OVER, READY, WAIT
from iobound.core.statistics import Tally
from iobound.models.calls import enter_setup, failure_of, refuse_coroutine
from iobound.models.driver import Driver
from iobound.models.feeders import ConsumerFeeder
from iobound.words.attempt import Slot, running
from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from iobound.models.driver import Job
    from iobound.words.attempt import Attempt
    from iobound.words.bells import ThreadBell


class Nobody:
    """The workers of a run whose consumer makes the calls: nothing to stop, and only the consumer to wake."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver

    def start(self) -> None:
        """Nothing to start."""

    def stir(self) -> None:
        """A feeder or a gate may have something for the consumer to start."""
        driver = self.driver
        if driver.waits and driver.core.more(driver.clock.now()):
            driver.ring()

    def expire(self, slot: Slot) -> None:
        """A call in the consumer's own thread cannot be left."""

    def halt(self) -> None:
        """The consumer sees it between two calls."""

    dismiss = retire = halt

    def watch(self, at: float) -> None:
        """The consumer looks at the clock itself."""


class SerialDriver(Driver):
    """The consumer is the worker: `wait` makes the next call itself."""

    bell: ThreadBell

    def __init__(self, job: Job, bell: ThreadBell) -> None:
        super().__init__(job, bell)
        self.workers = Nobody(self)
        self.feeder = ConsumerFeeder(self)
        self.tally = Tally()
        self.core.tallies.append(self.tally)
        self.slot = Slot(self.clock, None)
        self.core.slots.add(self.slot)
        self.context = job.context.copy()
        self.context.run(running.set, self.slot)
        self.stack = ExitStack()

    def start(self) -> None:
        """Enter what `setup` gives, and start a feeder if the source needs one."""
        call = self.job.call
        self.call = call.bind() if call.setup is None else call.bind(self.stack.enter_context(enter_setup(call)))
        self.feeder.start()

    def wait(self, taken: int) -> bool:
        """Make calls until one has an outcome to deliver; False when the run is over."""
        core, clock = self.core, self.clock
        core.delivery.returned += taken
        while not core.delivery.deliverable:
            if core.deadline < FOREVER:
                self.tick(clock.now())
            attempt = self._admit()
            if attempt is not None:
                self._make(attempt)
            elif not (self.feeder.here and self.feeder.pull_here()) and not self._sleep():
                break
        return core.failure is None and core.delivery.deliverable

    def _admit(self) -> Attempt | None:
        if self.core.plain:
            return self.core.admit(0.0)
        with self.lock:
            return self.core.admit(self.clock.now())

    def _sleep(self) -> bool:
        """Nothing can be done here now: wait for the feeder, a gate or the time. False: nothing ever will."""
        verdict = self.look(0)
        if verdict is WAIT:
            self.clock.wait(self.bell, self.core.next_time())
        return verdict is not OVER

    def _make(self, attempt: Attempt) -> None:
        """One call, in a context of its own."""
        slot, tally, hooks, clock = self.slot, self.tally, self.hooks, self.clock.now
        if hooks.started:
            hooks.tell("started", attempt)
        slot.attempt = attempt
        slot.since = started = clock()
        attempt.waited = started - attempt.pulled
        tally.waiting.add(attempt.waited)
        try:
            value = self.context.copy().run(self.call, attempt.item)
            if type(value) is CoroutineType:
                raise refuse_coroutine(value, self.job.call.name)  # noqa: TRY301
            attempt.value = value
            tally.succeeded += 1
        except BaseException as error:  # noqa: BLE001 - the core decides what an error means
            attempt.error = failure_of(error)
            tally.failed += 1
        ended = clock()
        attempt.duration = ended - started
        tally.running.add(attempt.duration)
        slot.attempt = None
        if hooks.settled:
            hooks.tell("settled", attempt)
        if self.core.plain and attempt.error is None:
            self.core.settled += 1
            attempt.done = True
            if not self.core.delivery.ordered:
                self.core.delivery.ready.append(attempt)
        else:
            self.settle(attempt, ended)

    def finish(self) -> None:
        """Leave what `setup` gave."""
        super().finish()
        self.stack.close()
