"""`model="threads"`: a bounded crew of worker threads, never a thread per item."""

from __future__ import annotations

from threading import Thread, current_thread
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from iobound.models.calls import failure_of, refuse_coroutine, enter_setup
from iobound.models.driver import ALWAYS
from iobound.models.timekeeper import Timekeeper
from iobound.models.workers import Crew
from iobound.words.attempt import running
from iobound.words.bells import ThreadBell
from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from iobound.core.statistics import Tally
    from iobound.models.driver import Driver
    from iobound.words.attempt import Attempt, Slot

SLOW = 50e-6
"""Seconds. Calls known to be faster are left to one worker: more of them would only fight for the GIL."""
PACE = 0.1
"""Weight of the newest call in the pace."""
PATIENCE = 5e-3
"""Seconds that work may wait for a worker which is expected to be fast; then the call it is in is not."""


class ThreadCrew(Crew[ThreadBell]):
    """Worker threads, all daemons: a hung call never holds up the interpreter's exit."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self.timekeeper = Timekeeper(driver, self)
        self.pace = 1e-3
        self.slow = True
        self.retired = False

    def start(self) -> None:
        """Threads start when there is work."""

    def stir(self) -> None:
        """See that somebody takes what may have come: one worker, which calls the next if calls are slow."""
        if ALWAYS or ((self.slow or self.live == len(self.parked)) and self.spare):
            self.call_another()

    def spawn(self) -> None:
        """* Start a worker thread. A machine that has no more threads lowers the limit to what it has."""
        slot, tally = self.slot(), self.new_tally()
        try:
            self.begin(Thread(target=self._work, args=(slot, tally), name="iobound worker", daemon=True))
        except RuntimeError as error:
            self.go_home(slot)
            self.driver.parties -= 1
            if not self.live:
                self.core.fail(error)
            else:
                self.core.resize(self.live)

    def begin(self, thread: Thread) -> None:
        """* Start a thread that belongs to the run."""
        self.driver.enter()
        thread.start()

    def leave(self) -> None:
        """The calling thread ends."""
        self.driver.left(current_thread())

    def expire(self, slot: Slot) -> None:
        """* A thread cannot be stopped: give up the call, and its worker with it."""
        attempt = self.core.abandon(slot)
        if attempt is not None:
            self.live -= 1
            self.driver.parties -= 1  # the run does not wait for it any more
            self.core.time_out(attempt)
            self.core.settle(attempt, self.driver.clock.now())
        if self.core.more(self.driver.clock.now()):
            self.call_one()

    def impatient(self, now: float) -> float:
        """* Work that a worker was expected to do at once has waited: its call is slow after all."""
        if self.slow or not self.spare:
            return FOREVER
        since = min((slot.since for slot in self.core.slots if slot.attempt is not None), default=now)
        if self.core.more(now) and now - since >= PATIENCE:
            self.pace, self.slow = 1e-3, True
            self.call_one()
            return FOREVER
        return now + PATIENCE

    def watch(self, at: float) -> None:
        """* Have `tick` called at `at`."""
        self.timekeeper.watch(at)

    def dismiss(self) -> None:
        """Send home everybody who is not in a call."""
        super().dismiss()
        self.timekeeper.bell.ring()

    def halt(self) -> None:
        """Threads in a call cannot be stopped; they go home when it returns."""
        self.dismiss()

    def retire(self) -> None:
        """* Others take over: finish the calls that run, start no more."""
        self.retired = True
        self.dismiss()

    # A worker -----------------------------------------------------------------------------------------------

    def _work(self, slot: Slot, tally: Tally) -> None:
        """The root of a worker thread: an error of the engine becomes the run's error."""
        job = self.driver.job
        context = job.context.copy()
        try:
            context.run(running.set, slot)
            if job.call.setup is None:
                self._loop(slot, tally, job.call.bind(), context)
            else:
                with enter_setup(job.call) as resource:
                    self._loop(slot, tally, job.call.bind(resource), context)
        except BaseException as error:  # noqa: BLE001 - the last resort: an engine error never looks like an end
            self.driver.crash(error)
        finally:
            if not slot.abandoned:
                self.depart(slot)
                self.leave()

    def _loop(self, slot: Slot, tally: Tally, call: Callable[[Any], Any], base: Context) -> None:
        """The hot path: no lock while there is work and all goes well."""
        driver, core, clock, hooks = self.driver, self.core, self.driver.clock.now, self.driver.hooks
        pending, ready, ordered = core.pending, core.delivery.ready, core.delivery.ordered
        ran, waited = tally.running.add, tally.waiting.add
        locked = not core.plain or core.rules.task_timeout is not None
        bell = ThreadBell()
        while True:
            try:
                attempt = pending.popleft()
            except IndexError:
                found = self._next(bell, slot)
                if found is None:
                    return
                attempt = found
            if self.retired:
                self._give_back(slot, attempt)
                return
            if self.slow and self.spare:
                self.call_another()
            if hooks.started:
                hooks.tell("started", attempt)
            slot.attempt = attempt
            slot.since = started = clock()
            attempt.waited = started - attempt.pulled
            waited(attempt.waited)
            context = base.copy()
            try:
                value = context.run(call, attempt.item)
                if type(value) is CoroutineType and self._switch(slot, attempt, value, context):
                    continue
                attempt.value = value
                tally.succeeded += 1
            except BaseException as error:  # noqa: BLE001 - the core decides what an error means
                attempt.error = failure_of(error)
                tally.failed += 1
            ended = clock()
            attempt.duration = ended - started
            ran(attempt.duration)
            if (attempt.duration > SLOW) is not self.slow:
                self._repace(attempt.duration)
            if hooks.settled:
                hooks.tell("settled", attempt)
            if locked or attempt.error is not None:
                if not self._settle(slot, attempt, ended):
                    return
                continue
            slot.attempt = None
            attempt.done = True
            if not ordered:
                ready.append(attempt)
            if driver.waits:
                self.tell()

    def _next(self, bell: ThreadBell, slot: Slot) -> Attempt | None:
        while not self.retired:
            found = self.find(bell, slot)
            if not isinstance(found, bool):
                return found
            bell.wait()
        with self.driver.lock:
            self.go_home(slot)
        return None

    def _give_back(self, slot: Slot, attempt: Attempt) -> None:
        """Others do the work from now on."""
        with self.driver.lock:
            slot.attempt = None
            self.go_home(slot)
            self.core.put_back(attempt)
        self.driver.workers.stir()

    def _switch(self, slot: Slot, attempt: Attempt, coroutine: Any, context: Context) -> bool:
        """A plain function returned a coroutine: hand it over to a loop, or refuse it."""
        if not self.driver.switch(attempt, coroutine, context):
            raise refuse_coroutine(coroutine, self.driver.job.call.name)
        slot.attempt = None
        return True

    def _settle(self, slot: Slot, attempt: Attempt, now: float) -> bool:
        """False: the call was given up meanwhile, and this thread with it."""
        with self.driver.lock:
            if slot.abandoned:
                self.core.returned_late()
                return False
            slot.attempt = None
            self.core.settle(attempt, now)
            self.driver.act()
        return True

    def _repace(self, duration: float) -> None:
        """A call contradicts the pace. Unlocked on purpose: a lost update costs a little time, nothing else."""
        self.pace += (duration - self.pace) * PACE
        self.slow = self.pace > SLOW
        if not self.slow:
            with self.driver.lock:
                self.timekeeper.watch(self.driver.clock.now() + PATIENCE)
