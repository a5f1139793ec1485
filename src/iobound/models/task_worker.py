"""One worker task: takes an attempt, steps its coroutine, settles, and comes back for more."""

from __future__ import annotations

import asyncio
from types import CoroutineType
from types import coroutine as generator_coroutine
from typing import TYPE_CHECKING, Any

from iobound.models.calls import failure_of, refuse_coroutine
from iobound.models.workers import own_queue
from iobound.words.attempt import running
from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextvars import Context

    from iobound.models.asyncio import TaskCrew
    from iobound.words.attempt import Attempt, Slot

BURST = 64
"""A worker whose calls never suspend lets others have the loop after this many,"""
LONG = 0.01
"""or after one that has kept the loop for so many seconds."""


class Perch:
    """What a parked worker task sleeps on. Rung only from its loop."""

    __slots__ = ("future",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.future: asyncio.Future[None] = loop.create_future()

    def ring(self) -> None:
        """Wake the task."""
        if not self.future.done():
            self.future.set_result(None)


class TaskWorker:
    """A member of the crew, with the slot it holds."""

    __slots__ = ("crew", "driver", "pending", "slot", "task")

    def __init__(self, crew: TaskCrew, slot: Slot) -> None:
        self.crew = crew
        self.driver = crew.driver
        self.slot = slot
        self.pending = own_queue(crew.core)
        context = self.driver.job.context.copy()
        context.run(running.set, slot)
        # Not through the loop's task factory: an eager one would start the worker inside its caller.
        self.task = asyncio.Task(self.work(context), loop=crew.loop, name="iobound worker", context=context)
        self.task.add_done_callback(lambda _: crew.leave(slot))  # also if it is cancelled before its first step

    async def work(self, context: Context) -> None:
        """The root of the task: an error of the engine becomes the run's error.

        One frame only around the hot path: each more is memory for every call that waits.
        """
        try:
            self.crew.coming = False
            while True:
                try:
                    return await self._steps(context)
                except asyncio.CancelledError as error:  # between two calls, or out of a hook
                    if self._requested():
                        raise
                    if self.slot.attempt is not None and self.slot.attempt not in self.pending:
                        raise failure_of(error) from error  # nobody has settled it, and nobody would
        except BaseException as error:  # noqa: BLE001 - the last resort: never look complete
            if not self.driver.core.stopping and not self.slot.abandoned:
                self.driver.crash(error)

    def _requested(self) -> bool:
        """Whether a cancellation is for the run: then the root is cancelled too. Calls may cancel their own task."""
        root = self.crew.root
        if self.driver.core.stopping or self.slot.abandoned or (root is not None and root.cancelling()):
            return True
        while self.task.uncancel():
            pass
        return False

    @generator_coroutine
    def _steps(self, base: Context) -> Generator[Any, Any, None]:  # noqa: C901, PLR0912, PLR0915 - see below
        """The hot path. No Task per item: each coroutine is stepped here, in a context of its own.

        One function on purpose: a generator more is paid by every item (docs/decisions/0012). What only some items need
        is elsewhere: `_next` if there is nothing to start, `_begin` where hooks listen or the call was begun before,
        `_end` where anybody has a word in how it ended.
        """
        crew, driver, core, slot, call = self.crew, self.driver, self.driver.core, self.slot, self.crew.call
        pending, clock, tally = self.pending, driver.clock.now, crew.tally
        odd = driver.predecessor is not None or driver.hooks.watch_calls
        watched = odd or not core.plain or slot.timeout is not None
        now, burst, fresh, failure = clock(), 0, True, None
        attempt: Any
        context: Any
        while True:
            try:
                attempt = pending.popleft()
            except IndexError:
                attempt = None
            if attempt is None or (crew.recalled and crew.takes_back(attempt, slot)):
                attempt = value = coroutine = context = awaited = None  # a worker that sleeps keeps nothing alive
                attempt = yield from self._next()
                if attempt is None:
                    return
                now, fresh = clock(), True
            slot.attempt = attempt
            attempt.started = started = now
            try:
                begun = self._begin(attempt) if odd else None
                coroutine, context = begun or (call(attempt.item), base.copy())
                awaited = context.run(coroutine.send, None)
                burst = 0
                if fresh:  # whoever was called calls the next: so all are, while there is work
                    fresh = False
                    if pending and not crew.coming and crew.spare:
                        crew.call_another()
                while True:
                    try:
                        sent = yield awaited
                        now = clock()
                    except BaseException as error:  # noqa: BLE001 - a cancellation, which belongs to the call
                        awaited = context.run(coroutine.throw, error)
                    else:
                        awaited = context.run(coroutine.send, sent)
            except StopIteration as stop:
                value = stop.value
            except BaseException as error:  # noqa: BLE001 - the core decides what an error means
                value, failure = None, self._failure(error)
            resumed, now = now, clock()
            if watched or failure is not None or type(value) is CoroutineType:
                if not self._end(attempt, value, failure, now):
                    return
                failure = None
            else:
                attempt.value = value
                attempt.duration = now - started
                crew.succeeded(attempt, slot, tally)
            burst += 1
            if burst >= BURST or now - resumed > LONG:
                burst, now = 0, (yield from self._give_way(now - resumed))

    def _begin(self, attempt: Attempt) -> tuple[Any, Context] | None:
        """Tell the hooks; the coroutine and its context, if the plain function was called before."""
        if self.driver.hooks.started:
            self.driver.hooks.tell("started", attempt)
        begun, attempt.begun = attempt.begun, None
        if begun is not None:
            self.driver.begun.discard(attempt)
            begun[1].run(running.set, self.slot)
        return begun

    def _end(self, attempt: Attempt, value: Any, failure: BaseException | None, now: float) -> bool:
        """Somebody has a word in how an attempt ended. False: this task goes home, if it was not given up meanwhile."""
        driver, slot, crew = self.driver, self.slot, self.crew
        if slot.abandoned:
            self._returned_late()
            return False
        if type(value) is CoroutineType:
            value, failure = None, refuse_coroutine(value, driver.job.call.name)
        attempt.value, attempt.duration = value, now - attempt.started
        if failure is not None:
            attempt.error = failure
        if slot.expired < FOREVER:  # past its time it is a timeout, whatever the call did
            slot.expired = FOREVER
            self.task.uncancel()
            driver.core.slots.time_out(attempt)
        if driver.hooks.settled:
            driver.hooks.tell("settled", attempt)
        if attempt.error is None and driver.core.plain:
            crew.succeeded(attempt, slot, crew.tally)
        else:
            crew.tally.count(attempt)
            following = crew.exchange(attempt, slot, now)
            if following is not None:
                self.pending.append(following)
                return True
        return True

    @generator_coroutine
    def _give_way(self, kept: float) -> Generator[Any, Any, float]:
        """Let others have the loop, which the last call has kept for so many seconds. The time afterwards."""
        if kept > LONG:
            self.crew.suspect()
        self.crew.coming = True
        yield
        self.crew.coming = False
        return self.driver.clock.now()

    @generator_coroutine
    def _next(self) -> Generator[Any, Any, Attempt | None]:
        """Find something to start, or sleep until there is; None: go home."""
        crew = self.crew
        while True:
            perch = Perch(crew.loop)
            found = crew.find(perch, self.slot)
            if not isinstance(found, bool):
                return found
            try:
                yield from perch.future
            except BaseException:
                crew.unpark(perch)  # or whoever rings it would wake nobody
                raise
            crew.coming = False

    def _failure(self, error: BaseException) -> BaseException:
        """A cancellation of the run ends the worker; one of the call alone fails the item."""
        if isinstance(error, GeneratorExit) and not self.crew.loop.is_running():
            raise error  # the loop was closed under us, and nobody steps this task any more
        if isinstance(error, asyncio.CancelledError):
            if self.slot.expired < FOREVER:
                return error  # `_end` makes it a timeout, unless the call was given up
            if self._requested():
                raise error
        return failure_of(error)

    def _returned_late(self) -> None:
        """The call was given up meanwhile, and this task with it: another may start in its place."""
        with self.driver.lock:
            self.driver.core.slots.returned_late()
        self.crew.stir()
