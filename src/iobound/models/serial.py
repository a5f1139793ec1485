"""`model="serial"`: one call after the other, where the run is consumed. For debuggers, and for cheap calls."""

from __future__ import annotations

from contextlib import ExitStack
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from iobound.core.run import OVER, WAIT
from iobound.core.statistics import BRIEF, EARLY, EVERY, Tally
from iobound.models.calls import entered, failure_of, refuse_coroutine
from iobound.models.driver import Driver
from iobound.models.feeders import ConsumerFeeder
from iobound.models.sources import close_items, is_run, start_iterating
from iobound.words.attempt import Attempt, Slot, running
from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iobound.models.job import Job
    from iobound.words.bells import ThreadBell


class Nobody:
    """The workers of a run whose consumer makes the calls: nothing to stop, and only the consumer to wake."""

    model, reason = "serial", ""
    live = 0
    cancels = False

    def __init__(self, driver: Driver) -> None:
        self.driver = driver

    def start(self) -> None:
        """Nothing to start."""

    def stir(self) -> None:
        """A feeder or a gate may have something for the consumer to start."""
        driver = self.driver
        if driver.waits and driver.core.more(driver.clock.now()):
            driver.ring()

    rung = stir

    def work_here(self) -> bool:
        """The consumer does nothing else."""
        return False

    def doze(self, bell: ThreadBell, until: float) -> None:
        """As of all workers."""
        self.driver.clock.wait(bell, until)

    def expire(self, slot: Slot) -> Attempt | None:  # noqa: ARG002 - others can
        """A call in the consumer's own thread cannot be left."""
        return None

    def halt(self) -> None:
        """The consumer sees it between two calls."""

    dismiss = retire = halt

    def watch(self, at: float) -> None:
        """The consumer looks at the clock itself."""

    def recall(self) -> None:
        """There is one."""


class SerialDriver(Driver):
    """The consumer is the worker: `wait` makes the next call itself."""

    bell: ThreadBell

    def __init__(self, job: Job, bell: ThreadBell) -> None:
        super().__init__(job, bell)
        self.workers = Nobody(self)
        self.feeder = ConsumerFeeder(self)
        self.tally = Tally()
        self.core.tallies.append(self.tally)
        self.slot = Slot(self.clock, None, self.job.context.get(running))
        self.core.slots.add(self.slot)
        self.context = job.context.copy()
        self.context.run(running.set, self.slot)
        self.stack = ExitStack()
        self.observed = self.hooks.watch_calls
        self.looked = self.core.started_at
        """When the core was last asked for something to start."""
        self.items: Iterator[Any] | None = None
        """The source, where an item needs no decision at all."""

    def start(self) -> None:
        """Enter what `setup` gives, and start a feeder if the source needs one."""
        call, core = self.job.call, self.core
        self.call: Callable[[Any], Any] = call.bind(*self.stack.enter_context(entered(call, self.parted)))
        self.feeder.start()
        simple = core.plain and core.deadline == FOREVER and self.job.prepare is None
        if simple and self.feeder.here and not is_run(self.job.source):
            self.items = start_iterating(self.job.source)

    def wait(self, taken: int) -> bool:
        """Make calls until one has an outcome to deliver; False when the run is over."""
        core = self.core
        core.delivery.returned += taken
        while self.items is not None and core.source_open and core.admitting:
            if self._next_item():
                return True
        while not core.delivery.deliverable:
            if core.deadline < FOREVER:
                self.tick(self.clock.now())
            attempt = self._admit()
            if attempt is not None:
                self._make(attempt, self.clock.now())
            elif not (self.feeder.here and self.feeder.pull_here()) and not self._sleep():
                return False
        if core.starts.standing:
            with self.lock:
                core.starts.withdraw()  # nobody passes while the consumer is away: others may
        return core.failure is None or not core.rules.fail_fast

    def _next_item(self) -> bool:
        """The short way: from the source straight into the call. Whether its result is ready."""
        try:
            item = next(self.items)  # type: ignore[arg-type]
        except BaseException as error:  # noqa: BLE001 - StopIteration, or the source's own exception
            self.feeder.end(None if isinstance(error, StopIteration) else error)
            return False
        delivery = self.core.delivery
        attempt = Attempt()
        attempt.item = item
        attempt.index = delivery.pulled
        attempt.pulled = now = self.clock.now()
        delivery.pulled += 1
        if delivery.ordered:
            delivery.ready.append(attempt)
        return self._make(attempt, now)

    def _admit(self) -> Attempt | None:
        if self.core.plain:
            return self.core.admit(0.0)
        with self.lock:
            self.looked = self.clock.now()
            return self.core.admit(self.looked)

    def _sleep(self) -> bool:
        """Nothing can be done here now: wait for the feeder, a gate or the time. False: nothing ever will."""
        if not self.core.admitting:
            self.core.slots.discard(self.slot)  # the consumer makes the calls, and makes no more
        verdict = self.look(0)
        if verdict is WAIT:
            self.core.blocked(self.clock.now())
            self.clock.wait(self.bell, self.core.next_time(self.looked))
        return verdict is not OVER

    def _make(self, attempt: Attempt, now: float) -> bool:
        """One call, in a context of its own. Whether its result is ready."""
        core, tally = self.core, self.tally
        if self.observed:
            self.hooks.tell("started", attempt)
        self.slot.attempt = attempt
        attempt.started = now
        settle = not core.plain
        try:
            attempt.value = value = self.context.copy().run(self.call, attempt.item)
            if type(value) is CoroutineType:
                raise refuse_coroutine(value, self.job.call.name)  # noqa: TRY301
            tally.succeeded += 1
        except BaseException as error:  # noqa: BLE001 - the core decides what an error means
            attempt.value, attempt.error = None, failure_of(error)
            tally.failed += 1
            settle = True
        ended = self.clock.now()
        attempt.duration = duration = ended - now
        if duration > BRIEF or attempt.index < EARLY or not attempt.index % EVERY:
            tally.time(attempt)
        self.slot.attempt = None
        if self.observed:
            self.hooks.tell("settled", attempt)
        if settle:
            self.settle(attempt, ended)
            return core.delivery.deliverable
        core.settled += 1
        attempt.done = True
        if not core.delivery.ordered:
            core.delivery.ready.append(attempt)
        return True

    def collected(self) -> None:
        """Nobody else is there to leave what was entered."""
        super().collected()
        if self.mine:
            self.stack.close()
            close_items(self.items, 0.0)

    def finish(self, left: float) -> None:
        """Leave what `setup` gave."""
        super().finish(left)
        close_items(self.items, left)
        self.stack.close()
