"""`model="asyncio"`: a bounded crew of tasks on one loop, never a task per item."""

from __future__ import annotations

import asyncio
from threading import Thread, current_thread, get_ident
from typing import TYPE_CHECKING, Any

from iobound.models.blocking import DELAY, LoopWatch
from iobound.models.calls import entered_async
from iobound.models.loop_executor import LoopExecutor
from iobound.models.task_worker import Perch, TaskWorker
from iobound.models.workers import Crew
from iobound.words.clock import FOREVER, SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from iobound.core.statistics import Tally
    from iobound.models.driver import Driver
    from iobound.words.attempt import Attempt, Slot
    from iobound.words.bells import ThreadBell


class TaskCrew(Crew[Perch]):
    """Worker tasks under one root task, on the caller's loop or on a private one in a thread of its own."""

    model, reason = "asyncio", "the function is async"
    cancels = True
    loop: asyncio.AbstractEventLoop
    call: Callable[[Any], Coroutine[Any, Any, Any]]
    tally: Tally
    root: asyncio.Task[Any] | None = None
    loop_watch: LoopWatch | None = None

    def __init__(self, driver: Driver, loop: asyncio.AbstractEventLoop | None) -> None:
        super().__init__(driver)
        self.members: dict[Slot, TaskWorker] = {}
        self.lost: list[TaskWorker] = []
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
        root = asyncio.Task(self._root(), loop=self.loop, name="iobound root", context=context)
        root.add_done_callback(lambda _: self.driver.left())  # also if it is cancelled before its first step

    def stir(self) -> None:
        """See that somebody takes what may have come: one worker, which calls the next when it suspends."""
        if self.coming or not self.ready or not self.spare:
            return
        if get_ident() == self.thread:
            self.call_another()
        else:
            self.coming = True
            self._on_loop(self._stir_here)

    def rung(self) -> None:
        """A gate rings: look on the loop, soon. Takes no lock."""
        if self.thread:
            try:
                self.loop.call_soon_threadsafe(self._guarded, self._tick)
            except RuntimeError:
                pass  # the loop is closed, and everything on it gone

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
        self.members[slot] = TaskWorker(self, slot)

    def leave(self, slot: Slot) -> None:
        """A worker task ends."""
        self.members.pop(slot, None)
        self.depart(slot)
        self._check_over()

    def dismiss(self) -> None:
        """Send the parked home."""
        self._on_loop(self._dismiss_here)

    def _dismiss_here(self) -> None:
        super().dismiss()
        self._check_over()

    def retire(self) -> None:
        """* Nobody takes over from asyncio."""

    def halt(self) -> None:
        """The root task cancels the workers."""
        self._on_loop(self._halt_here)

    def _halt_here(self) -> None:
        if self.ready and not self.over.done():
            self.over.set_result(None)

    def _check_over(self) -> None:
        before = self.driver.predecessor  # its workers may still hand over what they have begun
        done = self.core.drained and not self.members and (before is None or not before.live)
        if self.core.stopping or done:
            self._halt_here()

    def _on_loop(self, action: Callable[[], object]) -> None:
        if get_ident() == self.thread:
            action()
        elif self.thread:
            try:
                self.loop.call_soon_threadsafe(self._guarded, action)
            except RuntimeError:
                pass  # the loop is closed, and everything on it gone

    def _guarded(self, action: Callable[..., object], *facts: Any) -> None:
        """The root of a callback: an error of the engine becomes the run's error."""
        try:
            action(*facts)
        except BaseException as error:  # noqa: BLE001 - the last resort: never look complete
            self.driver.crash(error)

    def suspect(self) -> None:
        """The loop may not go on."""
        if self.loop_watch is not None:
            self.loop_watch.start()

    def doze(self, bell: ThreadBell, until: float) -> None:
        """As of all crews; where nothing comes for a while, the loop is watched."""
        clock, watched = self.driver.clock, self.loop_watch is not None and self.loop_watch.pulse is not None
        soon = FOREVER if watched or not isinstance(clock, SystemClock) else clock.now() + DELAY
        super().doze(bell, min(until, soon))
        if soon < FOREVER and clock.now() >= soon:
            self.suspect()

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
            self.timer = self.loop.call_later(max(0.0, self.at - self.driver.clock.now()), self._guarded, self._tick)

    def _tick(self) -> None:
        self.at = FOREVER
        self.at = min(self.at, self.driver.tick(self.driver.clock.now()))
        self._arm()

    def expire(self, slot: Slot) -> Attempt | None:
        """* Cancel the call; its cleanup has `grace` seconds."""
        self.members[slot].task.cancel()
        self.loop.call_later(self.core.rules.grace, self._guarded, self._give_up, slot, slot.attempt)
        return None

    def _give_up(self, slot: Slot, attempt: Attempt | None) -> None:
        """A call that does not end when it is cancelled is left behind, as on threads."""
        with self.driver.lock:
            if attempt is None or slot.attempt is not attempt or slot.expired == FOREVER or self.core.stopping:
                return
            self.core.abandon(slot)
            self.live -= 1
            self.gauge()
            self.lost.append(self.members.pop(slot))
            self.core.slots.time_out(attempt)
            if self.core.more(self.driver.clock.now()):
                self.call_one()
        self.driver.settle(attempt, self.driver.clock.now(), abandoned=True)
        self.stir()

    # The root -----------------------------------------------------------------------------------------------

    def _run_private(self) -> None:
        """A loop of the run's own: plain code consumes what coroutines do."""
        try:
            with asyncio.Runner() as runner:
                runner.get_loop().set_default_executor(LoopExecutor(self.core.rules.most))
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
        self.root = asyncio.current_task(self.loop)
        self.over = self.loop.create_future()
        self.thread = get_ident()
        try:
            driver.feeder.attach(self.loop)
            async with entered_async(driver.job.call, driver.parted) as resource:
                self.call = driver.job.call.bind_async(*resource)
                self.loop_watch = LoopWatch(self)
                try:
                    await self._supervise()
                finally:
                    self.loop_watch.stop()
                    await self._cancel(driver.grace)
        except BaseException as error:  # noqa: BLE001 - the last resort: never look complete
            driver.crash(error)
        finally:
            self.at = -FOREVER
            if self.timer is not None:
                self.timer.cancel()
            await driver.feeder.detach(driver.grace)
            if self.lost and self.private:
                driver.left()  # the thread may stay for ever with calls that do not end

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
        tasks = [worker.task for worker in self.members.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
