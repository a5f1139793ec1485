"""What worker threads and worker tasks have in common: who is parked, and whom to wake or start."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from iobound.core.statistics import BRIEF, EARLY, EVERY, Tally
from iobound.words.attempt import Slot, running

if TYPE_CHECKING:
    from iobound.core.run import Core
    from iobound.models.driver import Driver
    from iobound.words.attempt import Attempt
    from iobound.words.bells import ThreadBell


class Perch(Protocol):
    """What one parked worker sleeps on."""

    def ring(self) -> None:
        """Wake it."""


P = TypeVar("P", bound=Perch)


def own_queue(core: Core) -> deque[Attempt]:
    """What a worker takes from: in a plain run as all do; else the attempt that it took when its last call ended."""
    return core.pending if core.plain else deque()


class Crew(Generic[P]):
    """Workers that pull: each takes an attempt, makes the call, settles it, and comes back for more.

    A limit is an upper bound: a worker is started, or woken, only when there is something to start and nobody
    to start it. `parked` is a stack, so that the warmest worker goes first; and a dict, so that one which was rung
    for nothing, and parks again, is in it once.
    """

    slow = True
    """Calls take so long that one more worker gains something."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.core = driver.core
        self.completed = None if self.core.delivery.ordered else self.core.delivery.ready
        """What is done, where it is delivered as completed."""
        self.parked: dict[P, None] = {}
        self.live = 0
        """Workers that may start calls, parked ones included, abandoned ones not."""
        self.retired = False
        """Others have taken over."""
        self.recalled = False
        """Whoever is about to start a call looks first whether it still may: its place may have gone."""

    @property
    def busy(self) -> int:
        """Workers that are not parked."""
        return self.live - len(self.parked)

    @property
    def room(self) -> float:
        """How many may be at it."""
        return self.core.slots.capacity

    @property
    def spare(self) -> bool:
        """Whether one more worker could be put to work."""
        slots = self.core.slots
        return (bool(self.parked) or len(slots) < slots.capacity) and self.busy < self.room

    @property
    def crowded(self) -> bool:
        """Whether there is less room now than there are workers at it: whoever sees it sits down."""
        return self.busy > self.room

    def recall(self) -> None:
        """* The limit has changed."""
        self.recalled = self.retired or self.crowded

    def takes_back(self, attempt: Attempt, slot: Slot) -> bool:
        """Whether there are too many, or others do the work from now on: then what a worker has taken goes back."""
        with self.driver.lock:
            self.recall()
            if not self.recalled:
                return False
            slot.attempt = None
            self.core.put_back(attempt)
        self.driver.workers.stir()
        return True

    def gauge(self, beside: int = 0) -> None:
        """* More workers are at it than before, or fewer; `beside`: others who make calls."""
        if self.core.steering.seat is not None:
            self.core.steering.gauge.set(self.busy + beside, self.driver.clock.now())

    def spawn(self) -> None:
        """* Start one more worker; it has been counted."""
        raise NotImplementedError

    def slot(self) -> Slot:
        """* A place in flight for a new worker."""
        slot = Slot(self.driver.clock, self.core.rules.task_timeout, self.driver.job.context.get(running))
        self.core.slots.add(slot)
        return slot

    def succeeded(self, attempt: Attempt, slot: Slot, tally: Tally) -> None:
        """An attempt has ended well, and nobody decides about it."""
        if attempt.duration > BRIEF or attempt.index < EARLY or not attempt.index % EVERY:
            tally.time(attempt)  # which asks the same, but most are spared the call
        tally.succeeded += 1
        slot.attempt = None
        attempt.done = True
        if self.completed is not None:
            self.completed.append(attempt)
        if self.driver.waits:
            self.tell()

    def work_here(self) -> bool:
        """The consumer would wait: it may make a call itself. Whether it did."""
        return False

    def doze(self, bell: ThreadBell, until: float) -> None:
        """The consumer, in a thread of its own, sleeps until it is rung or so late."""
        self.driver.clock.wait(bell, until)

    def tell(self) -> None:
        """An attempt is done while the consumer waits: ring if it may take something now."""
        if self.core.delivery.deliverable or not self.core.admitting:
            self.driver.ring()

    def new_tally(self) -> Tally:
        """* A tally for a new thread or loop."""
        tally = Tally()
        self.core.tallies.append(tally)
        return tally

    def call_one(self) -> bool:
        """* Wake a parked worker, or start one. False if every slot is taken."""
        if self.core.drained:
            return True
        if self.busy >= self.room:
            return False
        if self.wake_one():
            return True
        if len(self.core.slots) < self.core.slots.capacity:  # those whom this crew replaces hold theirs until they go
            self.live += 1
            self.gauge()
            self.spawn()
            return True
        return False

    def wake_one(self) -> bool:
        """Ring the worker that was parked last, if there is one. Takes no lock."""
        try:
            self.parked.popitem()[0].ring()
        except KeyError:
            return False
        return True

    def call_another(self) -> None:
        """A worker is busy, and there may be more to start."""
        with self.driver.lock:
            if self.core.more(self.driver.clock.now()):
                self.call_one()

    def find(self, perch: P, slot: Slot) -> Attempt | bool | None:
        """Test and park in one critical section. True: parked. None: go home. Else an attempt to make."""
        driver, core = self.driver, self.core
        now = driver.clock.now()
        with driver.lock:
            if self.retired:
                self.go_home(slot)
            if self.retired or slot.abandoned:
                return None
            self.parked[perch] = None  # announce first, then look: whoever adds work looks at `parked` after adding
            self.recall()
            wanted = self.busy < self.room
            attempt = core.admit(now) if wanted else None
            if attempt is None and not core.drained:
                if wanted:
                    core.blocked(now)
                    driver.feeder.replenish()
                    self._watch(now)
                self.gauge()
                return True
            self.unpark(perch)
            self.gauge()
            if attempt is None:
                self.go_home(slot)
            elif not core.plain:
                self._watch(now)
                if self.slow and core.more(now):
                    self.call_one()
            return attempt

    def exchange(self, attempt: Attempt, slot: Slot, now: float) -> Attempt | None:
        """An attempt has ended, and somebody decides about it: settle it and take the next, in one critical section.

        What is taken is in `slot` already. None: go home if there are too many, else `find`.
        """
        driver, core, starts = self.driver, self.core, self.core.starts
        if attempt.error is not None or driver.job.meter is not None:
            driver.job.look_at(attempt, abandoned=False)
        following = None
        with driver.lock:
            if slot.abandoned:
                return None  # the run is over
            if attempt.error is not None:
                now = driver.clock.now()  # others may have had the lock for long: what follows from it follows now
            starts.looking = True  # whom the end of this call lets go on, this worker looks at
            core.settle(attempt, now)
            if not (core.plain or self.retired or self.crowded):
                following = core.admit(now)
            starts.looking = False
            slot.attempt = following
            if following is not None:
                following.started = now
                if self.slow and self.spare and core.more(now):
                    self.call_one()
            if following is None or driver.waits or core.changes or starts.timed or starts.retries.timed:
                driver.act(now)
        return following

    def _watch(self, looked: float) -> None:
        if not self.core.plain:
            self.driver.act(looked)

    def unpark(self, perch: P) -> None:
        """Be awake, by one's own doing. If somebody has rung meanwhile the next wait ends at once: that is harmless."""
        self.parked.pop(perch, None)

    def go_home(self, slot: Slot) -> None:
        """* A worker goes home, perhaps from the middle of a call that was cancelled."""
        if slot.attempt is not None:
            self.core.starts.let_go(slot.attempt, self.driver.clock.now())
        self.live -= 1
        self.core.slots.discard(slot)
        if not self.core.admitting:
            self.core.starts.clear()  # told without the lock, the run could not leave the gates itself
        self.gauge()

    def depart(self, slot: Slot) -> None:
        """A worker ends, in whatever way."""
        with self.driver.lock:
            try:
                if slot in self.core.slots:
                    self.go_home(slot)
            finally:
                self.driver.act()

    def dismiss(self) -> None:
        """Send the parked home. Takes no lock."""
        while self.wake_one():
            pass
