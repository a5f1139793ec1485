"""`model="threads"`: a bounded crew of worker threads, never a thread per item."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

from iobound.models.thread_worker import SLOW, ThreadWorker
from iobound.models.timekeeper import Timekeeper
from iobound.models.workers import Crew
from iobound.words.bells import ALWAYS, ThreadBell
from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from iobound.models.driver import Driver
    from iobound.words.attempt import Attempt, Slot

PACE = 0.1
"""Weight of the newest call in the pace."""
UNKNOWN = 1e-3
"""The pace, in seconds, where nothing is known: slow, so that storage which waits gets its threads at once."""
PATIENCE = 5e-3
"""Seconds that work may wait for a worker which is expected to be fast; then the call it is in is not."""


class ThreadCrew(Crew[ThreadBell]):
    """Worker threads, all daemons: a hung call never holds up the interpreter's exit."""

    cancels = False

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self.timekeeper = Timekeeper(driver, self)
        self.pace = UNKNOWN
        self.bells: dict[Slot, ThreadBell] = {}
        """What each worker sleeps on."""

    def start(self) -> None:
        """Threads start when there is work. Where gates may ring, somebody must always be there to hear it."""
        if not self.core.plain:
            with self.driver.lock:
                self.timekeeper.open()

    def rung(self) -> None:
        """A gate rings: wake a parked worker, or the timekeeper. Takes no lock."""
        if not self.wake_one():
            self.timekeeper.summon()

    def stir(self) -> None:
        """See that somebody takes what may have come: one worker, which calls the next if calls are slow."""
        if ALWAYS or ((self.slow or self.live == len(self.parked)) and self.spare):
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

    def repace(self, duration: float) -> None:
        """A call contradicts the pace. Unlocked on purpose: a lost update costs a little time, nothing else."""
        self.pace += (duration - self.pace) * PACE
        self.slow = self.pace > SLOW
        if not self.slow:
            with self.driver.lock:
                self.timekeeper.watch(self.driver.clock.now() + PATIENCE)

    def impatient(self, now: float) -> float:
        """* Work that a worker was expected to do at once has waited: its call is slow after all."""
        if self.slow or not self.spare:
            return FOREVER
        running = [slot.attempt for slot in self.core.slots]
        since = min((attempt.started for attempt in running if attempt is not None), default=now)
        if self.core.more(now) and now - since >= PATIENCE:
            self.pace, self.slow = UNKNOWN, True
            self.call_one()
            return FOREVER
        return now + PATIENCE

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
