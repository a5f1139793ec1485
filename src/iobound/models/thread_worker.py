"""One worker thread: takes an attempt, calls, settles, and comes back for more."""

from __future__ import annotations

from itertools import repeat
from threading import current_thread
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from iobound.models.calls import entered, failure_of, refuse_coroutine
from iobound.models.workers import own_queue
from iobound.words.attempt import running
from iobound.words.bells import ThreadBell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextvars import Context

    from iobound.core.statistics import Tally
    from iobound.models.threads import ThreadCrew
    from iobound.words.attempt import Attempt, Slot


class ThreadWorker:
    """A member of the crew, with the slot it holds."""

    def __init__(self, crew: ThreadCrew, slot: Slot, tally: Tally) -> None:
        self.crew = crew
        self.driver = crew.driver
        self.slot = slot
        self.tally = tally
        self.bell = ThreadBell()
        self.pending = own_queue(crew.core)
        self.turns: Iterable[None] = repeat(None)
        """One for each call that it may make."""

    def work(self) -> None:
        """The root of the thread: an error of the engine becomes the run's error."""
        job, slot = self.driver.job, self.slot
        context = job.context.copy()
        try:
            context.run(running.set, slot)
            with entered(job.call, self.driver.parted) as resource:
                self._loop(job.call.bind(*resource), context)
        except BaseException as error:  # noqa: BLE001 - the last resort: an engine error never looks like an end
            self.driver.crash(error)
        finally:
            if not slot.abandoned:
                self.crew.depart(slot)
                if self.crew.retired:
                    self.driver.workers.stir()  # whoever takes over may have waited for this place
                self.driver.left(current_thread())

    def _loop(self, call: Callable[[Any], Any], base: Context) -> None:
        """The hot path: no lock while there is work and all goes well.

        What only some items need is elsewhere: `_next` if there is nothing to start, `_end` where anybody has a word in
        how a call ended. See docs/decisions/0012.
        """
        crew, driver, core, slot, tally = self.crew, self.driver, self.driver.core, self.slot, self.tally
        pending, clock, observed = self.pending, driver.clock.now, driver.hooks.watch_calls
        watched = observed or not core.plain or slot.timeout is not None
        lanes, brief = crew.lanes, crew.lanes.telling
        attempt: Any
        for _ in self.turns:
            try:
                attempt = pending.popleft()
            except IndexError:
                attempt = None
            if attempt is None or (crew.recalled and crew.takes_back(attempt, slot)):
                attempt = context = value = error = None  # a worker that sleeps keeps nothing alive
                attempt = self._next()
                if attempt is None:
                    return
            if crew.slow and crew.spare:
                crew.call_another()
            if observed:
                driver.hooks.tell("started", attempt)
            slot.attempt = attempt
            attempt.started = started = clock()
            error, context = None, base.copy()
            try:
                value = context.run(call, attempt.item)
                if type(value) is CoroutineType and self._switch(attempt, value, context):
                    return
            except BaseException as raised:  # noqa: BLE001 - the core decides what an error means
                value, error = None, failure_of(raised)
            now = clock()
            duration = now - started
            if duration <= brief and not lanes.brief:
                crew.repace()
            if watched or error is not None:
                if not self._end(attempt, value, error, now):
                    return
            else:
                attempt.value = value
                attempt.duration = duration
                crew.succeeded(attempt, slot, tally)

    def _end(self, attempt: Attempt, value: Any, error: BaseException | None, now: float) -> bool:
        """Somebody has a word in how a call ended. False: this thread goes home, if it was not given up meanwhile."""
        driver, tally, crew = self.driver, self.tally, self.crew
        heard = error is not None or driver.hooks.settled
        if (heard or self.slot.timeout is not None) and not self._claim():
            return False
        attempt.value, attempt.duration = value, now - attempt.started
        if error is not None:
            attempt.error = error
        if driver.hooks.settled:
            driver.hooks.tell("settled", attempt)
        if error is None and driver.core.plain:
            crew.succeeded(attempt, self.slot, tally)
        else:
            tally.count(attempt)
            following = crew.exchange(attempt, self.slot, now)
            if following is not None:
                self.pending.append(following)
                return True
        return not self.slot.abandoned

    def _next(self) -> Attempt | None:
        """Find something to start, or sleep until there is; None: go home."""
        while isinstance(found := self.crew.find(self.bell, self.slot), bool):
            self.bell.wait()
        return found

    def _switch(self, attempt: Attempt, coroutine: Any, context: Context) -> bool:
        """A plain function returned a coroutine: hand it over to a loop, or refuse it."""
        self.slot.attempt = None
        if not self.driver.switch(attempt, coroutine, context):
            raise refuse_coroutine(coroutine, self.driver.job.call.name)
        return True

    def _claim(self) -> bool:
        """False: the call was given up meanwhile, and this thread with it; nobody wants its result."""
        with self.driver.lock:
            if self.slot.abandoned:
                self.driver.core.slots.returned_late()
                return False
            self.slot.attempt = None
        return True
