"""The state machine of a run: what may start now, what a result means, what the consumer may take."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from iobound.core.delivery import Delivery
from iobound.core.losses import Losses
from iobound.core.slots import LOOKS, Slots
from iobound.core.starts import Starts
from iobound.core.steering import Steering
from iobound.words.clock import FOREVER
from iobound.words.errors import HungCalls
from iobound.words.gates import STARVED

if TYPE_CHECKING:
    from collections.abc import Callable

    from iobound.core.rules import Rules
    from iobound.core.statistics import Tally
    from iobound.words.attempt import Attempt, Slot

READY, WAIT, OVER = "ready", "wait", "over"


class Core:
    """Decides; called under the lock of the run.

    Where nothing decides about a single item (`rules.plain`) attempts are admitted as they are pulled: workers
    take them from `pending` and mark them done without the lock, and come here only when they find nothing,
    when a call failed, or when somebody waits.
    """

    def __init__(self, rules: Rules, now: float, wake: Callable[[], None]) -> None:
        self.rules = rules
        self.plain = rules.plain
        self.unwatched = rules.keeper is None and rules.max_errors is None
        """Nobody else has a word in what an item that succeeded means."""
        self.slots = Slots(rules, now)
        self.delivery = Delivery(rules.window(rules.limit), ordered=rules.ordered)
        self.losses = Losses(self)
        self.blocked = self.losses.blocked
        """A worker finds nothing to start."""
        self.pending: deque[Attempt] = deque()
        self.starts = Starts(rules, wake)
        self.tallies: list[Tally] = []
        self.source_open = True
        self.admitting = True
        """Whether anything more is pulled or started."""
        self.drain_until = FOREVER
        """When calls that run have had their time, while nothing more is started."""
        self.stopping = False
        """Calls that run are stopped too."""
        self.failure: BaseException | None = None
        """Raised at once, without what was not delivered; where failures are collected, after what is done."""
        self.ending: BaseException | None = None
        """Raised after everything that is ready was delivered."""
        self.others: deque[tuple[int, BaseException]] = deque(maxlen=3)
        """Failures of calls that were in flight meanwhile."""
        self.changes: deque[tuple[int, int, str]] = deque()
        """(old, new, why) of each limit that changed: for whoever tells the hooks."""
        self.latest: BaseException | None = None
        """Where `max_errors` counts them, the failure that came last."""
        self.settled = self.failed = 0
        self.started_at = now
        self.ended_at: float | None = None
        self.deadline = FOREVER if rules.timeout is None else now + rules.timeout
        self.steering = Steering(self, rules.steered, now)

    def offer(self, attempt: Attempt) -> None:
        """The source gave an item. In a plain run its one feeding party may call this without the lock."""
        delivery = self.delivery
        attempt.index = delivery.pulled  # `Delivery.expect`, written out: every item of a feeder passes here
        delivery.pulled += 1
        if delivery.ordered:
            delivery.ready.append(attempt)
        if self.plain:
            self.pending.append(attempt)
        else:
            self.starts.add(attempt)

    def offer_settled(self, attempt: Attempt) -> None:
        """The source gave an item that has failed already: in an earlier stage, or in `key=` or `cost=`."""
        self.delivery.expect(attempt)
        self._conclude(attempt)

    def end_source(self, error: BaseException | None = None) -> None:
        """The source has no more items; its own exception is raised after what was pulled was delivered."""
        self.source_open = False
        self.ending = error if self.ending is None else self.ending

    # Starting -----------------------------------------------------------------------------------------------

    def admit(self, now: float) -> Attempt | None:
        """The next attempt to start, if one may start now."""
        if self.plain or not self.admitting:
            try:
                found = self.pending.popleft() if self.admitting else None
            except IndexError:
                return None
            self.losses.review(now)
            return found
        if self.rules.memory is not None:
            self.rules.memory.look_at(self._kept, ready=self.delivery.deliverable, awaited=self.delivery.awaited)
        while self.admitting and not self.crammed:
            found = self.starts.next(now)
            if found is None or found.error is None:
                if found is not None and self.losses.free:
                    self.losses.review(now)
                return found
            self._conclude(found)  # a gate refused it, or its retry came too late
        self.starts.pass_turn(now)
        return None

    def more(self, now: float) -> bool:
        """Whether another attempt may be there to start. A guess: only `admit` knows."""
        return bool(self.pending) if self.plain or not self.admitting else self.starts.more(now) and not self.crammed

    @property
    def crammed(self) -> bool:
        """Whether so many results wait that nothing more starts, though the window is open for keys."""
        most = self.rules.backlog * self.slots.limit
        return most > 0 and self.delivery.pulled - self.delivery.returned - self.starts.waiting >= most

    def put_back(self, attempt: Attempt) -> None:
        """An attempt that was admitted but could not be made: it goes before everything else, uncounted."""
        (self.pending.appendleft if self.plain else self.starts.put_back)(attempt)

    @property
    def outcomes(self) -> int:
        """Items that have ended for good."""
        return self.failed + sum(tally.succeeded for tally in self.tallies) if self.plain else self.settled

    @property
    def wants(self) -> int:
        """Items that free slots could start at once; exact under `rules.counted`."""
        if not self.admitting or not self.source_open:
            return 0
        waiting = self.starts.waiting if self.rules.keyed else self.starts.retries.number
        return min(self.slots.capacity - (self.delivery.pulled - self.settled - waiting), self.delivery.room)

    @property
    def error(self) -> BaseException | None:
        """What the run ends with, if not well."""
        return self.failure if self.failure is not None else self.ending

    @property
    def complete(self) -> bool:
        """Whether everything the source had was delivered."""
        return not self.source_open and self.delivery.returned == self.delivery.pulled

    @property
    def drained(self) -> bool:
        """Whether nothing will ever start again."""
        if self.admitting and (self.source_open or self.pending or self.starts):
            return False
        return not self.admitting or self.plain or self.settled == self.delivery.pulled

    def credit(self, count: int, now: float) -> None:
        """The consumer took `count` items."""
        self.delivery.returned += count
        self.losses.review(now)
        if self.rules.memory is not None:
            delivery = self.delivery
            self.rules.memory.delivered(self._kept, ready=delivery.deliverable, awaited=delivery.awaited)

    @property
    def _kept(self) -> int:
        """Attempts that have ended, and of which something is kept."""
        return self.settled - self.delivery.returned + self.starts.failed

    # Results ------------------------------------------------------------------------------------------------

    def settle(self, attempt: Attempt, now: float) -> None:
        """An attempt has ended, with a value or an error."""
        if attempt.tickets:
            self.starts.let_go(attempt, now)
        error = attempt.error
        if error is None:
            if self.starts.retries.stocks:
                self.starts.retries.succeeded(attempt, now)
            if self.unwatched:  # `_conclude`, written out
                self.settled += 1
                attempt.done = True
                if not self.delivery.ordered:
                    self.delivery.ready.append(attempt)
                return
        elif not isinstance(error, Exception):
            self.fail(error)  # raised, and no outcome
            return
        elif attempt.told is not None:
            self.steering.heard(attempt, now)
        if attempt.pause is STARVED and self.admitting and self.steering.squeezed(attempt, now):
            attempt.error = attempt.pause = None
            self.put_back(attempt)  # it is made again, uncounted
            return
        if attempt.pause is not STARVED and self.admitting and self.starts.retries.add(attempt, now):
            return
        self._conclude(attempt)

    def _conclude(self, attempt: Attempt) -> None:
        self.settled += 1
        (self.rules.keeper or self.release)(attempt)

    def release(self, attempt: Attempt) -> None:
        """A final outcome may be delivered (a keeper, such as a journal, calls this when it is durable)."""
        attempt.done = True
        if not self.delivery.ordered:
            self.delivery.ready.append(attempt)
        if attempt.error is not None:
            self.failed += 1
            self.latest = attempt.error if self.rules.max_errors is not None else None
            if self.rules.fail_fast:
                self.fail(attempt.error, attempt.index)
        self.check_errors()

    def check_errors(self) -> None:
        """Stop if more items failed than `max_errors` allows."""
        limit = self.rules.max_errors
        if limit is not None and not self.stopping and limit.exceeded(self.failed, outcomes := self.outcomes):
            self.end(limit.error(self.failed, outcomes, self.latest))

    @property
    def lingering(self) -> bool:
        """Whether calls that were told to stop may still deliver. Never under `fail_fast`: its values have no gaps."""
        return self.stopping and self.failure is None and not self.rules.fail_fast and self.drain_until < FOREVER

    def waits(self, *, late: bool = False) -> bool:
        """Whether nothing is ready, and something may become so; `late`: the last calls have had their time."""
        if self.failure is not None or self.delivery.deliverable:
            return False
        if self.admitting:
            return not self.complete
        return bool(self.slots) and not late and (not self.stopping or self.lingering)

    def verdict(self, *, late: bool = False) -> str:
        """What the consumer may do. Only it may ask: what is done behind what never will be moves up for it."""
        if self.waits(late=late):
            return WAIT
        if self.rules.fail_fast and self.failure is not None:
            return OVER
        if not self.admitting and not (self.rules.fail_fast and self.stopping):
            self.delivery.pass_over()
        return READY if self.delivery.deliverable else OVER

    def next_time(self, now: float) -> float:
        """When time alone will change something. What is due already waits for a slot, not for time."""
        looks = now + LOOKS if self.rules.memory is not None and self.slots.busy else FOREVER
        return min(self.deadline, self.slots.next_look, self.steering.next_look, looks, self.starts.next_start(now))

    def overdue(self, now: float) -> list[Slot]:
        """The slots whose attempt has used up its time, each named once; also ends a run that is too long."""
        if not self.stopping:
            self.steering.look(now)
        if now >= self.deadline and not self.stopping:
            self.end(TimeoutError(f"the run took longer than timeout={self.rules.timeout:g} s"))
        if self.starts and (self.crammed or len(self.slots.running()) >= self.slots.capacity):
            self.starts.pass_turn(now)
        return self.slots.late(now)

    def abandon(self, slot: Slot) -> Attempt | None:
        """Give up the call in a slot; when no slot is left to go on with, the run ends."""
        attempt = self.slots.abandon(slot)
        self.check_slots()
        return attempt

    def check_slots(self) -> None:
        """End the run if hung calls have all places."""
        if self.slots.capacity <= 0 and self.slots.recover_at == FOREVER and not self.stopping:
            self.end(self.slots.exhausted())

    def fail(self, error: BaseException, index: int | None = None) -> None:
        """Stop now: the first failure in time wins. Nothing comes after it, unless failures are collected."""
        if self.failure is None:
            self.failure = error
            if self.rules.fail_fast:
                self.delivery.drop()
        elif index is not None and error is not self.failure:
            self.others.append((index, error))
        self.stop()

    def end(self, error: BaseException) -> None:
        """Start nothing more; raise `error` after what is ready was delivered."""
        if self.ending is None or isinstance(error, HungCalls):
            self.ending = error
        self.stop()

    def drain(self, until: float) -> None:
        """Start nothing more; what runs has time until then. Takes no lock: whoever looks, sees it."""
        self.drain_until = min(self.drain_until, until)
        self.admitting = False
        self.pending.clear()

    def stop(self) -> None:
        """Start nothing more, and go on with nothing."""
        self.admitting = False
        self.stopping = True
        self.pending.clear()
        self.starts.clear()
