"""The parties of a simulated run: a consumer that lets time pass, and a dispatcher."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from iobound.core.run import READY, WAIT
from iobound.core.statistics import Tally
from iobound.models.calls import entered, failure_of, refuse_coroutine
from iobound.models.driver import Driver
from iobound.models.feeders import ConsumerFeeder, InPlaceFeeder
from iobound.models.sources import IN_PLACE
from iobound.testing.clock import Hangs
from iobound.testing.feeder import SimulatedFeeder
from iobound.words.attempt import Slot, running
from iobound.words.clock import FOREVER
from iobound.words.errors import hinted

if TYPE_CHECKING:
    from collections.abc import Callable

    from iobound.models.feeders import Feeder
    from iobound.models.job import Job
    from iobound.testing.clock import Appointment, VirtualClock
    from iobound.words.attempt import Attempt
    from iobound.words.bells import Bell, ThreadBell


class SimulatedDriver(Driver):
    """The consumer's thread is everybody: where it would block, it goes to the next appointment instead."""

    workers: Dispatcher

    def __init__(self, job: Job, bell: ThreadBell, time: VirtualClock) -> None:
        super().__init__(job, bell)
        self.time = time
        self.workers = Dispatcher(self)
        self.feeder = _feeder(self)
        self.stack = ExitStack()

    def start(self) -> None:
        """Enter what `setup` gives, once, and set everything going."""
        call = self.job.call
        resource = self.stack.enter_context(entered(call, self.parted))
        self.workers.call = call.bind(*resource)
        super().start()

    def wait(self, taken: int) -> bool:
        """Let time pass until something is ready; False when the run is over."""
        while (verdict := self.look(taken)) is WAIT:
            taken = 0
            until = self.core.drain_until
            if self.feeder.pull_here() or not self.core.waits() or self.time.step(until):  # it may have been refused
                continue
            if until == FOREVER:
                error = RuntimeError("the simulated run is stuck: nothing that would move it will ever happen")
                raise hinted(error, "a call or the source sleeps for ever; task_timeout= or timeout= would end it")
            self.time.advance_to(until)
        return verdict is READY

    def gone(self, bell: Bell) -> bool:
        """Calls that run have `grace` seconds to end, those given up before have none; then nobody is left."""
        until = self.time.now() + self.grace
        while self.core.slots and self.time.step(until):
            pass
        if self.core.slots:
            self.time.advance(max(0.0, until - self.time.now()))
        return super().gone(bell)

    def finish(self, left: float) -> None:
        """Nothing of this run will happen any more."""
        super().finish(left)
        self.workers.forget()
        self.stack.close()


class Dispatcher:
    """Starts calls while slots are free, and settles each when its time has come."""

    call: Callable[[Any], Any]
    model, reason = "simulated", ""
    live = 0
    cancels = False

    def __init__(self, driver: SimulatedDriver) -> None:
        self.driver = driver
        self.core = driver.core
        self.time = driver.time
        self.flying: dict[Slot, Appointment | None] = {}
        """What runs, given-up calls included until they return; None: it never will."""
        self.timer: Appointment | None = None
        self.soon: Appointment | None = None
        self.busy = False
        self.tally = Tally()
        self.core.tallies.append(self.tally)

    def start(self) -> None:
        """Calls start when there is work."""

    def work_here(self) -> bool:
        """It does all there is to do."""
        return False

    def doze(self, bell: ThreadBell, until: float) -> None:
        """On the virtual clock."""
        self.time.wait(bell, until)

    def rung(self) -> None:
        """Start all that may start, at this moment, but not here. Takes no lock of a run."""
        if self.soon is None or self.soon.action is None:
            self.soon = self.time.call_at(self.time.now(), self.stir)

    def stir(self) -> None:
        """Start all that may start now."""
        if self.busy:
            return  # a call or the source made us look again, and we are about to anyway
        self.busy = True
        try:
            while True:
                pulled = self.driver.feeder.pull() if isinstance(self.driver.feeder, SimulatedFeeder) else False
                while (slot := self._admit()) is not None:
                    self._make(slot)
                if not pulled:
                    return
        finally:
            self.busy = False

    def _admit(self) -> Slot | None:
        """A slot with the next attempt in it, if there is one that may start."""
        core, now = self.core, self.time.now()
        with self.driver.lock:
            if not core.admitting:
                core.starts.clear()  # told without the lock, the run could not leave the gates itself
            if len(core.slots) >= core.slots.capacity:
                return None
            attempt = core.admit(now)
            self.driver.act()  # the gates may have said when to ask again, or refused something
            if attempt is None:
                core.blocked(now)
                return None
            slot = Slot(self.time, core.rules.task_timeout, self.driver.job.context.get(running))
            slot.attempt = attempt
            attempt.started = now
            core.slots.add(slot)
            self._gauge(now)
        return slot

    def _gauge(self, now: float) -> None:
        self.core.steering.gauge.set(len(self.core.slots), now)

    def recall(self) -> None:
        """* The limit has changed: whoever starts a call looks anyway."""

    def _make(self, slot: Slot) -> None:
        """One call, in a context of its own; what it comes to is kept for later."""
        driver, attempt = self.driver, slot.attempt
        assert attempt is not None  # noqa: S101 - we have just put it there
        driver.hooks.tell("started", attempt)
        context = driver.job.context.copy()
        context.run(running.set, slot)
        value, error = None, None
        with self.time.ahead() as ahead:
            try:
                value = context.run(self.call, attempt.item)
                if type(value) is CoroutineType:
                    raise refuse_coroutine(value, driver.job.call.name)  # noqa: TRY301
            except BaseException as raised:
                if isinstance(raised, Hangs):
                    raise
                value, error = None, failure_of(raised)
        if ahead.hung:
            self.flying[slot] = None
        else:
            ended = partial(self._end, slot, attempt, value, error)
            self.flying[slot] = self.time.call_at(attempt.started + ahead.seconds, ended)

    def _end(self, slot: Slot, attempt: Attempt, value: Any, error: BaseException | None) -> None:
        """A call's time is over."""
        driver, now = self.driver, self.time.now()
        del self.flying[slot]
        if slot.abandoned:
            with driver.lock:
                self.core.slots.returned_late()
                driver.act()
        else:
            attempt.value, attempt.error = value, error
            attempt.duration = now - attempt.started
            self.tally.time(attempt)
            if error is None:
                self.tally.succeeded += 1
            else:
                self.tally.failed += 1
            driver.hooks.tell("settled", attempt)
            with driver.lock:
                slot.attempt = None
                self.core.slots.discard(slot)
                self._gauge(now)
            driver.settle(attempt, now)
        self.stir()

    # Time ---------------------------------------------------------------------------------------------------

    def watch(self, at: float) -> None:
        """* Have `tick` called at `at`, or earlier."""
        if at <= self.time.now():
            # What is due already waits for a slot, and whatever frees one looks at it: only the rest needs time.
            at = min(self.core.deadline, self.core.slots.next_look)
        if at < FOREVER and (self.timer is None or at < self.timer.moment):
            if self.timer is not None:
                self.timer.cancel()
            self.timer = self.time.call_at(at, self._tick)

    def _tick(self) -> None:
        self.timer = None
        due = self.driver.tick(self.time.now())
        self.stir()
        with self.driver.lock:
            if not self.core.stopping:
                self.watch(due)
                self.watch(self.core.next_time(self.time.now()))

    def expire(self, slot: Slot) -> Attempt | None:
        """* Give up the call in the slot."""
        attempt = self.core.abandon(slot)
        if attempt is not None:
            self.core.slots.time_out(attempt)
        self._gauge(self.time.now())
        return attempt

    # The end ------------------------------------------------------------------------------------------------

    def halt(self) -> None:
        """Nothing more starts, which the gates hear at the next step; what runs goes on until the run is closed."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.core.starts.standing:
            self.rung()

    dismiss = retire = halt

    def forget(self) -> None:
        """What still runs will never return, so that no clock goes there for it."""
        self.halt()
        for appointment in (*self.flying.values(), self.soon):
            if appointment is not None:
                appointment.cancel()
        self.flying.clear()


def _feeder(driver: SimulatedDriver) -> Feeder:
    """Who pulls the source."""
    job = driver.job
    if job.feed == "consumer":
        return ConsumerFeeder(driver)
    if type(job.source) in IN_PLACE and job.prepare is None:
        return InPlaceFeeder(driver)
    return SimulatedFeeder(driver, driver.time)
