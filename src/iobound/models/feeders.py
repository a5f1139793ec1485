"""Feeders: one party per run pulls the source, as far as the window has room, and nobody else touches it."""

from __future__ import annotations

from itertools import islice
from threading import Thread, current_thread
from typing import TYPE_CHECKING, Any

from iobound.core.source import refill
from iobound.models.calls import failure_of
from iobound.models.sources import IN_PLACE, close_items, is_run, start_iterating, with_thread_hint
from iobound.words.attempt import Attempt, Outcome
from iobound.words.bells import ThreadBell
from iobound.words.errors import WrongUse

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Iterator, Sequence

    from iobound.models.driver import Driver

BATCH = 64
"""Items of such a source whose keys and costs are computed before the first of them starts."""


class Feeder:
    """Pulls nothing: the base of those that do."""

    here = False
    """The consumer itself must pull: `pull_here`."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.core = driver.core
        self.source = driver.job.source
        self.now = driver.clock.now
        self.plain = self.core.plain
        self.prepare = driver.job.prepare

    def start(self) -> None:
        """The run is used for the first time."""

    def attach(self, loop: AbstractEventLoop) -> None:
        """A private loop of the run has started, and this is called on it."""

    async def detach(self, grace: float) -> None:
        """That loop is about to end."""

    def replenish(self) -> None:
        """* The window may have room."""

    def halt(self) -> None:
        """Pull nothing more. Takes no lock."""

    def pull_here(self) -> bool:
        """Pull in the consumer's thread. Whether that changed anything."""
        return False

    def close(self, left: float) -> None:
        """The run is over: what was iterated here is closed here, within the seconds that are left."""

    def give(self, item: Any) -> None:
        """The source gave an item."""
        if not self.plain or self.prepare is not None:
            self.give_all((item,))
            return
        attempt = Attempt()
        attempt.item = item
        attempt.pulled = self.now()
        self.core.offer(attempt)
        self.driver.workers.stir()

    def give_all(self, items: Sequence[Any]) -> None:
        """The source gave these items, where something decides about each."""
        try:
            self._offer(items)
        except BaseException as error:
            self.driver.crash(failure_of(error))  # no error of the source: what was pulled would never be done
            raise
        self.driver.workers.stir()

    def _offer(self, items: Sequence[Any]) -> None:
        now, prepare, core = self.now(), self.prepare, self.core
        attempts = []
        for item in items:
            attempt = Attempt()
            attempt.item = item
            attempt.pulled = now
            if prepare is not None:
                try:
                    prepare(attempt)
                except BaseException as error:
                    attempt.error = failure_of(error)  # `key=` or `cost=` failed: so has the item
                    if not isinstance(attempt.error, Exception):
                        raise
            attempts.append(attempt)
        with self.driver.lock:
            for attempt in attempts:
                failed = attempt.error is not None
                (core.offer_settled if failed else core.offer)(attempt)
                if attempt.error is not None and not failed:  # its key cannot be looked up
                    core.settle(attempt, now)
            if self.driver.waits or not core.admitting:
                self.driver.act()

    def give_outcome(self, outcome: Outcome[Any], stage: str) -> None:
        """An earlier stage gave an outcome: its value is our item, its failure our failure."""
        if outcome.error is None:
            self.give(outcome.value)
            return
        if self.source.skips:
            return
        attempt = Attempt()
        attempt.item, attempt.stage = outcome.item, outcome.stage or stage
        attempt.number, attempt.duration, attempt.started = outcome.attempts, outcome.duration, outcome.waited
        self.refuse(attempt, outcome.error)

    def refuse(self, attempt: Attempt, error: BaseException) -> None:
        """An item has failed before it came here."""
        attempt.error = error
        with self.driver.lock:
            self.core.offer_settled(attempt)
            self.driver.act()

    def _shared(self) -> BaseException | None:
        """An earlier stage is ours alone: what others took of it we have not seen."""
        if not is_run(self.source) or self.source.skips or self.source.stats.pulled == self.core.delivery.pulled:
            return None
        return WrongUse("the run that is the source of this one was consumed by somebody else, too")

    def end(self, error: BaseException | None = None) -> None:
        """The source has no more items, or raised `error`. One that was stopped in the middle has not ended."""
        with self.driver.lock:
            if not self.core.admitting:
                return
            if isinstance(error, KeyboardInterrupt):
                self.core.fail(error)
            else:
                self.core.end_source(error if error is not None else self._shared())
                self.core.losses.review(self.now())
            self.driver.act()
        self.driver.workers.stir()
        self.driver.hooks.tell("source_ended", self.core.delivery.pulled)


class InPlaceFeeder(Feeder):
    """A built-in container: pulled by whoever frees the window, under the lock, at C speed."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self.items = iter(self.source)

    def replenish(self) -> None:
        """* Fill the window."""
        core = self.core
        if core.source_open and core.delivery.room > 0 and not refill(core, self.items, self.driver.clock.now()):
            self.driver.news.append(("source_ended", core.delivery.pulled))


class WaitingFeeder(Feeder):
    """A feeder with a thread or task of its own, which sleeps while the window is full."""

    bell: Any = None
    waiting = False

    def replenish(self) -> None:
        """* Wake the feeder for half the window, or for any room once half the slots would find nothing to start."""
        core, delivery = self.core, self.core.delivery
        room = delivery.room
        if self.waiting and room > 0 and (2 * room >= delivery.window or 2 * len(core.pending) <= core.slots.capacity):
            self.waiting = False
            self.bell.ring()

    def room(self) -> int:
        """Test and park in one critical section: how many items may be pulled; 0: park; less: stop."""
        with self.driver.lock:
            if not self.core.admitting:
                return -1
            room = max(0, self.core.delivery.room)
            self.waiting = not room
            return room

    def halt(self) -> None:
        """Wake the feeder: it will see that the run stops."""
        if self.bell is not None:
            self.bell.ring()


class ThreadFeeder(WaitingFeeder):
    """Any other iterable: one thread iterates it, so that it may block, in the caller's context."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self.bell = ThreadBell()

    def start(self) -> None:
        """Start the thread."""
        with self.driver.lock:
            self.driver.enter()
        Thread(target=self._feed, name="iobound feeder", daemon=True).start()

    def halt(self) -> None:
        """Wake the feeder, and an earlier stage that it may be waiting for."""
        super().halt()
        if is_run(self.source):
            self.source.cancel()

    def _feed(self) -> None:
        try:
            self.driver.job.context.copy().run(self._pull)
        except BaseException as error:  # noqa: BLE001 - the last resort
            self.driver.crash(error)
        finally:
            self.driver.left(current_thread())

    def _pull(self) -> None:
        error = None
        items: Any = None
        try:
            items = start_iterating(self.source)
            self._pull_all(items)
        except BaseException as raised:  # noqa: BLE001 - the source's own exception is delivered
            error = with_thread_hint(raised)
        self.end(error)
        close_items(items, self.driver.grace)

    def _pull_all(self, items: Iterator[Any]) -> None:
        stage = self.source.name if is_run(self.source) else None
        while (room := self.room()) >= 0:
            if not room:
                self.bell.wait()
                continue
            if type(self.source) in IN_PLACE:  # it never blocks; only its keys and costs are to be computed
                batch = list(islice(items, min(room, BATCH)))
                self.give_all(batch)
                if not batch:
                    return
                continue
            seen = 0
            for item in islice(items, room):  # item by item: nothing is held back while the source blocks
                if not self.core.admitting:
                    return
                seen += 1
                if stage is None:
                    self.give(item)
                else:
                    self.give_outcome(item, stage)
                del item  # the source may block now, for long
            if seen < room:
                return


class ConsumerFeeder(Feeder):
    """`feed="consumer"`: pulled where the run is consumed, as far as slots are free and no result is ready."""

    here = True

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self.items: Iterator[Any] | None = None

    def pull_here(self) -> bool:
        """Pull what the free slots can take."""
        before, was_open = self.core.delivery.pulled, self.core.source_open
        while not self.core.delivery.deliverable:
            with self.driver.lock:
                if self.core.wants <= 0:
                    break
            self._pull_one()
        return self.core.delivery.pulled > before or self.core.source_open is not was_open

    def _pull_one(self) -> None:
        try:
            if self.items is None:
                self.items = start_iterating(self.source)
            item = next(self.items)
        except StopIteration:
            self.end()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - delivered after what was pulled before it
            self.end(error)
        else:
            if is_run(self.source):
                self.give_outcome(item, self.source.name)
            else:
                self.give(item)

    def halt(self) -> None:
        """An earlier stage stops too."""
        if is_run(self.source):
            self.source.cancel()

    def close(self, left: float) -> None:
        """Of the user's objects, only a generator and a run are closed."""
        close_items(self.items, left)
