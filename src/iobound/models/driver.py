"""A run in motion: the core under its lock, the parties around it, and who wakes whom.

Consumer, workers, at most one feeder, a timekeeper: each sleeps on a bell of its own. None holds the public `Run`.
"""

from __future__ import annotations

from collections import deque
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from iobound.core.run import READY, WAIT, Core
from iobound.models.forks import stays_behind
from iobound.words.bells import ALWAYS
from iobound.words.clock import FOREVER
from iobound.words.errors import WrongUse, cut_short, logged

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from contextvars import Context

    from iobound.models.feeders import Feeder
    from iobound.models.job import Job, Workers
    from iobound.words.attempt import Attempt
    from iobound.words.bells import Bell, LoopBell, ThreadBell


class Driver:
    """Parties call in; the core decides under the lock; bells ring outside it or at its end."""

    workers: Workers
    feeder: Feeder

    def __init__(self, job: Job, bell: ThreadBell | LoopBell) -> None:
        self.job, self.clock, self.hooks = job, job.clock, job.hooks
        self.lock, self.bell = Lock(), bell
        self.core = Core(job.rules, job.clock.now(), self.rung)
        self.waits, self.halted = ALWAYS, False
        self.departed: list[Thread] = []
        self.closing: list[Bell] = []
        self.news: deque[tuple[Any, ...]] = deque()
        self.predecessor: Workers | None = None
        self.begun: set[Attempt] = set()
        self.parties, self.grace = 0, job.rules.grace
        self.hurried = False
        """Whoever stopped it does not want to wait for its calls."""
        self.consumed = True
        """False once the run was dropped: nobody can ask for its results any more."""
        self.mine = True
        """False in a child that was forked in mid-run: the threads and locks of the run are its parent's."""
        stays_behind(self)

    def start(self) -> None:
        """Set everything going."""
        with self.lock:
            self.feeder.replenish()
            self.workers.watch(self.core.next_time(self.clock.now()))
        self.workers.start()
        self.feeder.start()
        self.workers.stir()

    # The consumer -------------------------------------------------------------------------------------------

    def credit(self, count: int) -> None:
        """The consumer took `count` more items: the source may go on."""
        with self.lock:
            self._credit(count)
        self.workers.stir()
        self.publish()

    def publish(self) -> None:
        """Tell the hooks, outside the lock, what happened inside it."""
        self.hooks.tell_all(self.news)

    def look(self, taken: int) -> str:
        """Test and park in one critical section: after WAIT the consumer's bell will ring."""
        if not self.mine:
            raise RuntimeError("this run belongs to the process that this one was forked from: start a new one here")
        with self.lock:
            self._credit(taken)
            verdict = self.core.verdict(late=self.clock.now() >= self.core.drain_until)
            self.waits = ALWAYS or verdict is WAIT
            if verdict is WAIT and self.core.verdict() is READY:  # announced, now look again
                verdict = READY
        self.workers.stir()
        self.publish()
        return verdict

    def wait(self, taken: int) -> bool:
        """Block until something is ready; False when the run is over."""
        if self.workers.work_here():
            self.core.delivery.returned += taken  # what that lets happen does when there is nothing more to start
            if self.core.delivery.deliverable:
                return True
            taken = 0
        while (verdict := self.look(taken)) is WAIT:
            taken = 0
            if not self.feeder.pull_here() and not self.workers.work_here():
                self.workers.doze(self.bell, self.core.drain_until)  # type: ignore[arg-type]
            if self.core.delivery.deliverable:
                return True
        return verdict is READY

    async def wait_async(self, taken: int) -> bool:
        """The same from a coroutine."""
        if not self.bell.here or self.bell.awaited:  # type: ignore[union-attr]
            raise WrongUse("a run is consumed on one loop, by one coroutine: let each make its own")
        while (verdict := self.look(taken)) is WAIT:
            taken = 0
            if not self.feeder.pull_here():
                await self.bell.wait(self.core.drain_until - self.clock.now())  # type: ignore[misc]
            if self.core.delivery.deliverable:
                return True
        return verdict is READY

    def _credit(self, count: int) -> None:
        if count or self.core.losses.free:
            self.core.credit(count, self.clock.now())
        if self.core.admitting:
            self.feeder.replenish()
        self.act()

    # Workers and feeders ------------------------------------------------------------------------------------

    def settle(self, attempt: Attempt, now: float, *, abandoned: bool = False) -> None:
        """An attempt has ended in a way that needs a decision; `abandoned`: its call may still be at work."""
        self.job.look_at(attempt, abandoned=abandoned)
        with self.lock:
            self.core.settle(attempt, now)
            self.act(now)

    def switch(self, attempt: Attempt, coroutine: Coroutine[Any, Any, Any], context: Context) -> bool:
        """A plain function returned a coroutine: workers that can await it take over, that very object first."""
        if self.job.successor is None:
            return False
        with self.lock:
            if not self.core.admitting:
                coroutine.close()
                return True
            first = self.predecessor is None
            if first:
                self.predecessor = self.workers
                self.workers = self.job.successor(self)
                self.predecessor.retire()  # before one of them takes what is put back, and calls it again
                self.workers.watch(self.core.next_time(self.clock.now()))
            attempt.begun = (coroutine, context)
            self.begun.add(attempt)
            self.core.put_back(attempt)
        if first:
            self.workers.start()
        self.workers.stir()
        return True

    def crash(self, error: BaseException) -> None:
        """A party of our own broke, or something stops the run: it never looks complete."""
        with self.lock:
            try:
                self.core.fail(error)
            finally:
                self.act()  # whatever else is broken, everybody hears of it

    def parted(self, error: Exception) -> None:
        """What `setup` gave could not be left: told at the end of the run, or logged if it has ended before."""
        if self.consumed:  # a collected run takes no locks
            with self.lock:
                if self.core.error is None:
                    self.core.ending = error  # others still work: nothing is stopped for it
                    return
        logged(error, "what setup= gave could not be left: %r", error)

    def act(self, looked: float | None = None) -> None:
        """* Do what the core has decided. What was due when it was last asked, at `looked`, waits for a place."""
        core = self.core
        if core.changes:
            self.workers.recall()
            while core.changes:
                self.news.append(("limit_changed", *core.changes.popleft()))
        if core.stopping:
            if not self.halted:
                core.drain_until = min(core.drain_until, self.clock.now() + self.grace)
                self.workers.halt()
                self.feeder.halt()
                self._close_begun()
                self.halted = True  # not before they are: Ctrl-C may land between
                self.ring()  # it waits no longer than that
        elif core.drained:
            self.workers.dismiss()
        elif not core.plain or core.slots.recover_at < FOREVER:
            self.workers.watch(core.next_time(self.clock.now() if looked is None else looked))
        if self.waits and (not core.waits() or (self.feeder.here and core.wants > 0)):
            self.ring()

    def ring(self) -> None:
        """Wake the consumer."""
        self.waits = ALWAYS
        self.bell.ring()

    def rung(self) -> None:
        """A gate rings: from any thread, perhaps inside our lock or another run's, so none may be taken here."""
        self.workers.rung()

    def tick(self, now: float) -> float:
        """Time has passed. Returns when to call again."""
        if self.job.meter is not None:
            self.job.meter()
        with self.lock:
            expired = [self.workers.expire(slot) for slot in self.core.overdue(now)]
            self.act()
        for attempt in filter(None, expired):
            self.settle(attempt, now, abandoned=True)
        self.workers.stir()
        self.publish()
        with self.lock:
            return self.core.next_time(now)

    def forked(self) -> None:
        """This is a child that was forked in mid-run."""
        self.mine, self.lock = False, Lock()
        self.core.admitting, self.core.stopping = False, True
        self.core.delivery.drop()

    def enter(self) -> None:
        """* A thread or a root task begins to belong to the run."""
        self.parties += 1

    def left(self, thread: Thread | None = None) -> None:
        """It has ended; the last one wakes whoever waits for the run to be gone."""
        with self.lock:
            if thread is not None:
                self.departed.append(thread)
            self.parties -= 1
            for bell in self.closing if not self.parties else ():
                bell.ring()

    # The end ------------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Start nothing more; calls that run have `grace` seconds. Takes no lock: signal handlers may call it."""
        if self.mine and self.core.admitting:
            self.hurried = True
            self.core.drain(self.clock.now() + self.grace)
            self.workers.dismiss()
            self.feeder.halt()
            self.bell.ring()

    def drop(self) -> None:
        """Stop because the run was collected or cancelled: takes no lock, since collection may happen inside one."""
        if self.mine:
            self.hurried = True
            self.core.admitting, self.core.stopping = False, True
            self.core.drain_until = -FOREVER  # calls that run have had their time
            self.core.steering.leave()
            self.core.pending.clear()
            self.workers.halt()
            self.feeder.halt()
            self.bell.ring()

    def collected(self) -> None:
        """The run was dropped: nobody consumes it any more."""
        self.consumed = False
        self.drop()
        if self.mine:
            self._close_begun()
            self.feeder.close(0.0)

    def stop(self, error: BaseException | None) -> None:
        """Stop now, and say `error` to a consumer that comes back; None: it is over by itself."""
        with self.lock:
            if error is not None and (self.core.waits() or self.core.delivery.deliverable):
                self.core.fail(error)
            self.core.stop()
            self.core.delivery.drop()  # the consumer has heard the end: nothing comes after it
            self.act()

    def gone(self, bell: Bell) -> bool:
        """Whether no party is left; if not, `bell` will ring when the last one goes."""
        with self.lock:
            self.closing.append(bell)
            return not self.parties

    def finish(self, left: float) -> None:
        """The parties have left, or have had their time but for `left` seconds: what still runs is abandoned."""
        with self.lock:
            self.core.ended_at = self.clock.now()
            self.core.steering.leave()
            for attempt in filter(None, map(self.core.abandon, list(self.core.slots))):
                self.core.starts.let_go(attempt, self.clock.now())
        self._close_begun()
        self.feeder.close(left)
        while self.departed:
            self.departed.pop().join()  # each has only a few instructions to go
        self.hooks.tell("stopped", self.core.error or (None if self.core.complete else cut_short()))

    def _close_begun(self) -> None:
        """Coroutines that a plain function made, and that nobody will await now."""
        for attempt in list(self.begun):
            if attempt.begun is not None:
                attempt.begun[0].close()
            self.begun.discard(attempt)  # not before it is closed: Ctrl-C may land between
