"""`model="threads"`: a bounded crew of worker threads, never a thread per item."""

from __future__ import annotations

from math import log2
from threading import Thread, current_thread
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from iobound.core.statistics import SAMPLE, STEPS
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
        running = [slot.attempt for slot in self.core.slots]
        since = min((attempt.started for attempt in running if attempt is not None), default=now)
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
        driver, core, clock = self.driver, self.core, self.driver.clock.now
        pending, ready, ordered = core.pending, core.delivery.ready, core.delivery.ordered
        ran, waited = tally.running.counts, tally.waiting.add
        observed, locked = driver.hooks.watch_calls, core.settles_locked
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
                return self._give_back(slot, attempt)
            if self.slow and self.spare:
                self.call_another()
            if observed:
                driver.hooks.tell("started", attempt)
            slot.attempt = attempt
            attempt.started = started = clock()
            if not attempt.index & SAMPLE:
                waited(started - attempt.pulled)
            settle, context = locked, base.copy()
            try:
                attempt.value = value = context.run(call, attempt.item)
                if type(value) is CoroutineType and self._switch(slot, attempt, value, context):
                    continue
                tally.succeeded += 1
            except BaseException as error:  # noqa: BLE001 - the core decides what an error means
                attempt.value, attempt.error = None, failure_of(error)
                tally.failed += 1
                settle = True
            now = clock()
            attempt.duration = duration = now - started
            ran[int(log2(duration * 1e6 + 1.0) * STEPS)] += 1
            if (duration > SLOW) is not self.slow:
                self._repace(duration)
            if observed:
                driver.hooks.tell("settled", attempt)
            if settle:
                if not self._settle(slot, attempt, now):
                    return
            else:
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
