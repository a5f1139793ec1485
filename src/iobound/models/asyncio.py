"""`model="asyncio"`: a bounded crew of tasks on one loop, never a task per item."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from math import log2
from threading import Thread, current_thread, get_ident
from types import coroutine as generator_coroutine
from typing import TYPE_CHECKING, Any

from iobound.core.statistics import SAMPLE, STEPS
from iobound.models.calls import async_manager, failure_of
from iobound.models.daemons import DaemonPool
from iobound.models.workers import Crew
from iobound.words.attempt import running
from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from contextvars import Context

    from iobound.core.statistics import Tally
    from iobound.models.driver import Driver
    from iobound.words.attempt import Attempt, Slot

BURST = 64
"""A worker whose calls never suspend lets others have the loop after this many."""


class Perch:
    """What a parked worker task sleeps on. Rung only from its loop."""

    __slots__ = ("future",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.future: asyncio.Future[None] = loop.create_future()

    def ring(self) -> None:
        """Wake the task."""
        if not self.future.done():
            self.future.set_result(None)


class TaskCrew(Crew[Perch]):
    """Worker tasks under one root task, on the caller's loop or on a private one in a thread of its own."""

    loop: asyncio.AbstractEventLoop
    call: Callable[[Any], Coroutine[Any, Any, Any]]
    tally: Tally

    def __init__(self, driver: Driver, loop: asyncio.AbstractEventLoop | None) -> None:
        super().__init__(driver)
        self.tasks: dict[Slot, asyncio.Task[None]] = {}
        self.lost: list[asyncio.Task[None]] = []
        """Those whose call went on after it was cancelled."""
        self.coming = False
        """A worker is about to look for work: nobody else needs to be woken for it."""
        self.ready = False
        self.thread = 0
        self.timer: asyncio.TimerHandle | None = None
        self.at = FOREVER
        self.private = loop is None
        if loop is not None:
            self.loop = loop

    def start(self) -> None:
        """Start the root task, and the private loop under it."""
        with self.driver.lock:
            self.driver.enter()
        if self.private:
            Thread(target=self._run_private, name="iobound loop", daemon=True).start()
        else:
            self.loop.call_soon_threadsafe(self._start_here)

    def _start_here(self) -> None:
        # Not through the loop's task factory: an eager one would start it inside the consumer.
        context = self.driver.job.context.copy()
        self.root = asyncio.Task(self._root(), loop=self.loop, name="iobound root", context=context)

    def stir(self) -> None:
        """See that somebody takes what may have come: one worker, which calls the next when it suspends."""
        if self.coming or not self.ready or not self.spare:
            return
        if get_ident() == self.thread:
            self.call_another()
        else:
            self.coming = True
            self._on_loop(self._stir_here)

    def _stir_here(self) -> None:
        self.coming = False
        self.call_another()

    def call_one(self) -> bool:
        """* Wake a parked worker, or start one."""
        self.coming = super().call_one()
        return self.coming

    def spawn(self) -> None:
        """* Start a worker task."""
        slot = self.slot()
        context = self.driver.job.context.copy()
        context.run(running.set, slot)
        name = "iobound worker"
        self.tasks[slot] = asyncio.Task(self._work(slot), loop=self.loop, name=name, context=context)

    def dismiss(self) -> None:
        """Send the parked home."""
        self._on_loop(self._dismiss_here)

    def _dismiss_here(self) -> None:
        super().dismiss()
        self._check_over()

    def halt(self) -> None:
        """The root task cancels the workers."""
        self._on_loop(self._halt_here)

    def _halt_here(self) -> None:
        if self.ready and not self.over.done():
            self.over.set_result(None)

    def _check_over(self) -> None:
        if self.core.stopping or (self.core.drained and not self.tasks):
            self._halt_here()

    def _on_loop(self, action: Callable[[], object]) -> None:
        if get_ident() == self.thread:
            action()
        elif self.thread:
            try:
                self.loop.call_soon_threadsafe(action)
            except RuntimeError:
                pass  # the loop is closed, and everything on it gone

    # Time ---------------------------------------------------------------------------------------------------

    def watch(self, at: float) -> None:
        """* Have `tick` called at `at`, or earlier."""
        if at < self.at:
            self.at = at
            self._on_loop(self._arm)

    def _arm(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.timer = None
        if self.at < FOREVER and not self.core.stopping:
            self.timer = self.loop.call_later(max(0.0, self.at - self.driver.clock.now()), self._tick)

    def _tick(self) -> None:
        self.at = FOREVER
        self.at = min(self.at, self.driver.tick(self.driver.clock.now()))
        self._arm()

    def expire(self, slot: Slot) -> None:
        """* Cancel the call; its cleanup has `grace` seconds."""
        self.tasks[slot].cancel()
        self.loop.call_later(self.core.rules.grace, self._give_up, slot, slot.attempt)

    def _give_up(self, slot: Slot, attempt: Attempt) -> None:
        """A call that does not end when it is cancelled is left behind, as on threads."""
        with self.driver.lock:
            if slot.attempt is not attempt or slot.expired == FOREVER or self.core.stopping:
                return
            self.core.abandon(slot)
            self.live -= 1
            self.lost.append(self.tasks.pop(slot))
            self.core.time_out(attempt)
            self.core.settle(attempt, self.driver.clock.now())
            if self.core.more(self.driver.clock.now()):
                self.call_one()
            self.driver.act()

    # The root -----------------------------------------------------------------------------------------------

    def _run_private(self) -> None:
        """A loop of the run's own: plain code consumes what coroutines do."""
        try:
            with asyncio.Runner() as runner:
                runner.get_loop().set_default_executor(DaemonPool(self.core.limit))
                runner.run(self._root(), context=self.driver.job.context.copy())
        except BaseException as error:  # noqa: BLE001 - the last resort: never look complete
            self.driver.crash(error)
        finally:
            if not self.lost:
                self.driver.left(current_thread())

    async def _root(self) -> None:
        """Own the workers: everything they need is entered before them and left after them."""
        driver = self.driver
        self.loop = asyncio.get_running_loop()
        self.over = self.loop.create_future()
        self.thread = get_ident()
        try:
            driver.feeder.attach(self.loop)
            async with AsyncExitStack() as stack:
                manager = await async_manager(stack, driver.job.call)
                self.call = driver.job.call.bind_async(*manager)
                try:
                    await self._supervise()
                finally:
                    await self._cancel(driver.grace)
        except BaseException as error:  # noqa: BLE001 - the last resort: never look complete
            driver.crash(error)
        finally:
            self.at = -FOREVER
            if self.timer is not None:
                self.timer.cancel()
            if self.lost or not self.private:
                driver.left()

    async def _supervise(self) -> None:
        with self.driver.lock:
            self.tally = self.new_tally()
            self.ready = True
            if self.core.more(self.driver.clock.now()):
                self.call_one()
        self._arm()
        self._check_over()
        await self.over

    async def _cancel(self, grace: float) -> None:
        for task in self.tasks.values():
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks.values(), timeout=grace)

    # A worker -----------------------------------------------------------------------------------------------

    async def _work(self, slot: Slot) -> None:
        """The root of a worker task: an error of the engine becomes the run's error."""
        try:
            base = self.driver.job.context.copy()
            base.run(running.set, slot)
            self.coming = False
            await self._steps(slot, base)
        except BaseException as error:  # noqa: BLE001 - the last resort: never look complete
            if not self.core.stopping and not slot.abandoned:
                self.driver.crash(error)
        finally:
            self.tasks.pop(slot, None)
            self.depart(slot)
            self._check_over()

    @generator_coroutine
    def _steps(self, slot: Slot, base: Context) -> Generator[Any, Any, None]:
        """The hot path. No Task per item: each coroutine is stepped here, in a context of its own."""
        driver, core, clock, call, tally = self.driver, self.core, self.driver.clock.now, self.call, self.tally
        pending, ready, ordered = core.pending, core.delivery.ready, core.delivery.ordered
        ran, waited = tally.running.counts, tally.waiting.add
        observed, locked = driver.hooks.watch_calls, core.settles_locked
        now, burst = clock(), 0
        while True:
            try:
                attempt = pending.popleft()
            except IndexError:
                attempt = yield from self._next(slot)
                if attempt is None:
                    return
                now = clock()
            if observed:
                driver.hooks.tell("started", attempt)
            slot.attempt = attempt
            attempt.started = started = now
            if not attempt.index & SAMPLE:
                waited(started - attempt.pulled)
            settle = locked
            try:
                if attempt.begun is None:
                    coroutine, context = call(attempt.item), base.copy()
                else:
                    coroutine, context = attempt.begun
                awaited = context.run(coroutine.send, None)
                burst = 0
                if pending and not self.coming and (self.live < core.capacity or self.parked):
                    self.call_another()
                while True:
                    try:
                        sent = yield awaited
                    except BaseException as error:  # noqa: BLE001 - a cancellation, which belongs to the call
                        awaited = context.run(coroutine.throw, error)
                    else:
                        awaited = context.run(coroutine.send, sent)
            except StopIteration as stop:
                attempt.value = stop.value
                tally.succeeded += 1
            except BaseException as error:  # noqa: BLE001 - the core decides what an error means
                attempt.error = self._failure(slot, error)
                tally.failed += 1
                settle = True
            now = clock()
            attempt.duration = duration = now - started
            ran[int(log2(duration * 1e6 + 1.0) * STEPS)] += 1
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
            burst += 1
            if burst >= BURST:
                burst = 0
                self.coming = True
                yield
                self.coming, now = False, clock()

    @generator_coroutine
    def _next(self, slot: Slot) -> Generator[Any, Any, Attempt | None]:
        while True:
            perch = Perch(self.loop)
            found = self.find(perch, slot)
            if not isinstance(found, bool):
                return found
            yield from perch.future
            self.coming = False

    def _failure(self, slot: Slot, error: BaseException) -> BaseException:
        """A cancellation somebody requested of this task ends the worker; of the call alone, fails the item."""
        if isinstance(error, GeneratorExit) and not self.loop.is_running():
            raise error  # the loop was closed under us, and nobody steps this task any more
        if isinstance(error, asyncio.CancelledError):
            if slot.expired < FOREVER:
                return error  # `_settle` makes it a timeout, unless the call was given up
            if self.core.stopping or self.tasks[slot].cancelling():
                raise error
        return failure_of(error)

    def _settle(self, slot: Slot, attempt: Attempt, now: float) -> bool:
        """False: the call was given up meanwhile, and this task with it."""
        with self.driver.lock:
            if slot.abandoned:
                self.core.returned_late()
                return False
            slot.attempt = None
            if slot.expired < FOREVER:
                slot.expired = FOREVER
                self.tasks[slot].uncancel()
                self.core.time_out(attempt)
            self.core.settle(attempt, now)
            self.driver.act()
        return True
