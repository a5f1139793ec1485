"""`model="threads"`: a bounded crew of worker threads, never a thread per item."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

from iobound.models.consumer import Consumer
from iobound.models.thread_worker import ThreadWorker
from iobound.models.timekeeper import Timekeeper
from iobound.models.workers import Crew
from iobound.policies.lanes import CALLS, SECONDS, Lanes
from iobound.words.bells import ALWAYS, ThreadBell
from iobound.words.clock import FOREVER, SystemClock
from iobound.words.spans import span
from iobound.words.totals import Totals

if TYPE_CHECKING:
    from iobound.models.driver import Driver
    from iobound.words.attempt import Attempt, Slot

BRIEF, BRISK = 50e-6, 300e-6
"""Seconds. Calls below are left to few workers: more would fight for the interpreter lock. Where the user told a number
of workers they start at once for calls above the first; where it is to be found, only for those above the second."""
FIRST, PATIENCE, ONCE_MORE = 0.5e-3, 5e-3, 2
"""Seconds between two looks at calls that are taken to be brief, before the first has ended and later. Where none ends
from one to the next, or the one after, twice as many workers may be at it: storage that waits gets its threads at once.
"""
TELLING = 16
"""Brief calls after which it is asked whether all are."""
IDLE = 0.03
"""Seconds until the next look where nothing is to be done."""
TOGETHER = 64
"""Brief calls of a single worker that the consumer is rung for together; it waits for them until the next look at most.
Rung for each, the two would take the interpreter lock from each other each time."""


class ThreadCrew(Crew[ThreadBell]):
    """Worker threads, all daemons: a hung call never holds up the interpreter's exit."""

    cancels = False

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self.timekeeper = Timekeeper(driver, self)
        steered, here = self.core.rules.steered is not None, driver.job.may_call_here and self.core.plain
        timed = isinstance(driver.clock, SystemClock)  # others stand still until somebody moves them
        self.lanes = Lanes(BRISK if steered else BRIEF, consumer=here, brief=steered and timed)
        """For calls that are brief."""
        self.slow = not self.lanes.brief
        self.ended = 0
        """Calls that had ended at the last look."""
        self.stuck = 0
        """Looks since another one has."""
        self.short = 0
        """Brief calls, where calls are taken to be long."""
        self.asked, self.seen = -FOREVER, Totals()
        """When it was last asked whether they are, and what had been counted then."""
        self.untold = 0
        """Results that the consumer was not rung for."""
        self.consumer = Consumer(self) if here else None
        self.seated = False
        """The consumer has a place, and makes calls."""
        self.bells: dict[Slot, ThreadBell] = {}
        """What each worker sleeps on."""

    def start(self) -> None:
        """Threads start when there is work. Where gates may ring, somebody must always be there to hear it."""
        with self.driver.lock:
            if self.lanes.brief:
                self.timekeeper.watch(self.driver.clock.now() + FIRST)
            elif not self.core.plain:
                self.timekeeper.open()

    def rung(self) -> None:
        """A gate rings: wake a parked worker, or the timekeeper. Takes no lock."""
        if not self.wake_one():
            self.timekeeper.summon()

    def stir(self) -> None:
        """See that somebody takes what may have come: one worker, which calls the next if calls are slow."""
        if not self.lanes.number:
            if self.driver.waits and self.core.pending:
                self.driver.ring()
        elif ALWAYS or ((self.slow or self.live == len(self.parked)) and self.spare):
            self.call_another()

    def spawn(self) -> None:
        """* Start a worker thread. A machine that has no more threads lowers the limit to what it has."""
        slot = self.slot()
        worker = ThreadWorker(self, slot, self.new_tally())
        self.bells[slot] = worker.bell
        try:
            self.begin(Thread(target=worker.work, name="iobound worker", daemon=True))
        except RuntimeError as error:
            self.driver.parties -= 1
            self.go_home(slot)
            if not self.live:
                self.core.fail(error)
            else:
                self.core.steering.hold_to(self.live, "no more threads")

    def begin(self, thread: Thread) -> None:
        """* Start a thread that belongs to the run."""
        self.driver.enter()
        thread.start()

    @property
    def room(self) -> float:
        """How many may be at it: fewer than the limit where calls are brief."""
        return min(self.core.slots.capacity - self.seated, self.lanes.number)

    def repace(self) -> None:
        """A call may have been brief, where calls are taken to be long. One tells nothing."""
        self.short += 1
        if self.short % TELLING or (now := self.driver.clock.now()) < self.asked + SECONDS:
            return
        with self.driver.lock:
            if self.lanes.brief:
                return
            totals = self.core.steering.totals(now)
            seen, self.seen, self.asked = totals - self.seen, totals, now
            lasting = sum(now - attempt.started for attempt in self.core.slots.running())  # they are part of the work
            brief = seen.seconds + lasting <= self.lanes.longest * seen.timed
            if brief:
                self.lanes.hurry()
            if brief or self.lanes.doubt(now, totals):
                self.regroup()
                self.stuck = -1  # those that run began among others
                self.timekeeper.watch(now + PATIENCE)

    def impatient(self, now: float) -> float:
        """* See whether calls are brief still, and how many workers are best for them."""
        if not self.lanes.brief:
            return FOREVER
        if self.untold and self.driver.waits:
            self.untold = 0
            super().tell()
        totals, before = self.core.steering.totals(now), self.ended
        self.ended = sum(tally.succeeded + tally.failed for tally in self.core.tallies)
        more = self.core.more(now)
        known = self.ended >= CALLS or 0 < totals.seconds <= self.lanes.longest * totals.timed
        self.stuck = self.stuck + 1 if self.ended == before and more else min(self.stuck + 1, 0)
        if self.stuck >= (ONCE_MORE if known else 1):
            self.lanes.double(self.core.slots.capacity)
            self.regroup()
        elif self.stuck >= 0 and self.lanes.look(now, totals, self.core.slots.capacity):
            self.regroup()
        if not known:
            return now + FIRST
        return now + (PATIENCE if more or self.ended > before else IDLE)

    def tell(self) -> None:
        """As of all crews; a single worker tells of several together."""
        self.untold += 1
        if self.untold < TOGETHER and self.lanes.number == 1 and self.core.pending and self.core.admitting:
            return
        self.untold = 0
        super().tell()

    @property
    def model(self) -> str:
        """Threads, or the consumer itself."""
        return "serial" if self.lanes.best == 0 else "threads"

    @property
    def reason(self) -> str:
        """What was measured of the calls."""
        seen = self.core.steering.totals(self.driver.clock.now())
        took = f"calls take {span(seen.seconds / seen.timed)}" if seen.timed else "nothing is known yet"
        best = self.lanes.best
        return took if best is None else f"{took}, and {'more ' * (best > 0)}threads bring nothing"

    def regroup(self) -> None:
        """* Another number of workers shall make the calls."""
        now, self.slow = self.driver.clock.now(), self.lanes.number > 1
        self.asked, self.seen = now, self.core.steering.totals(now)
        self.recall()
        self.driver.feeder.replenish()  # the consumer may have been too busy to
        if not self.lanes.number and self.driver.waits:
            self.driver.ring()
        elif self.core.more(now):
            self.call_one()

    def work_here(self) -> bool:
        """The consumer makes the call that it waits for, where nobody does it better and nobody has begun it."""
        consumer = self.consumer
        if consumer is None:
            return False
        try:
            here = not self.lanes.number and self.core.pending[0] is self.core.delivery.head
        except IndexError:
            here = False
        if here is not self.seated:
            with self.driver.lock:
                if here and self.busy >= self.core.slots.capacity:
                    return False  # whoever has the place will ring
                self.seated = here
                consumer.sit(here=here)
                self.gauge(beside=int(here))
            if not here:
                return True  # nobody waits for its place when the run ends: the consumer shall look again
        if here:
            self.driver.waits = ALWAYS
            consumer.turn()
        return here

    def find(self, perch: ThreadBell, slot: Slot) -> Attempt | bool | None:
        """As of all crews; where the consumer makes the calls, it may have waited for the place of who parks."""
        found = super().find(perch, slot)
        if found is True and not self.lanes.number:
            self.stir()
        return found

    def go_home(self, slot: Slot) -> None:
        """* A worker goes home; the last one sends the timekeeper home too."""
        super().go_home(slot)
        self.bells.pop(slot, None)
        if not self.live:
            self.timekeeper.bell.ring()

    def watch(self, at: float) -> None:
        """* Have `tick` called at `at`."""
        self.timekeeper.watch(at)

    def expire(self, slot: Slot) -> Attempt | None:
        """* A thread cannot be stopped: give up the call, and its worker with it."""
        attempt = self.core.abandon(slot)
        if attempt is not None:
            self.live -= 1
            self.bells.pop(slot, None)
            self.gauge()
            self.driver.parties -= 1  # the run does not wait for it any more
            self.core.slots.time_out(attempt)
        if self.core.more(self.driver.clock.now()):
            self.call_one()
        return attempt

    def dismiss(self) -> None:
        """Send home everybody who is not in a call."""
        super().dismiss()
        self.timekeeper.bell.ring()

    def halt(self) -> None:
        """Threads in a call cannot be stopped; they go home when it returns.

        Every bell is rung, whoever is parked: Ctrl-C may have hit whoever was about to ring.
        """
        self.dismiss()
        for bell in list(self.bells.values()):
            bell.ring()

    def retire(self) -> None:
        """* Others take over: finish the calls that run, start no more."""
        self.retired = self.recalled = True
        self.dismiss()
