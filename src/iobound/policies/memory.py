"""A memory budget: no more calls at a time than fit, by what the process was seen to take for each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from iobound.policies.queue import Queue
from iobound.policies.rules import Rule
from iobound.words.checks import refuse
from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from iobound.policies.queue import Place, Ring
    from iobound.words.attempt import Attempt

FORGETS = 0.99
"""What is left of the known cost once as many items have ended as are held: the largest counts, but not for ever. Most
looks see some items half made and others gone, so it is not the looks that forget."""
TELLING = 0.01
"""The share of the budget that a call must have taken which failed, to tell what others will take."""
LEAST, MOST = 10**6, 1 << 60
"""Bytes. Less is a unit that was forgotten: the interpreter alone takes more."""
UNITS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_SPELLED = re.compile(rf"\s*([0-9]+(?:\.[0-9]+)?)\s*(%|{'|'.join(UNITS)})\s*")


class Share(Rule):
    """The rule. It is told what the process takes (`observe`), and reads nothing itself.

    Until the cost of an item is known one call runs at a time; after that each is reserved that much until its result
    was delivered, and no more are held at a time than twice as many as have told their cost: the first may be smaller
    than all others. Where nothing runs and nothing can be delivered, the item that delivery waits for may always run:
    nothing here could make it cheaper, and no other would make room.
    """

    counts_running = True

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.base = 0
        """Bytes that the process takes without any item."""
        self.resident = 0
        self.cost = 0.0
        """Bytes that an item takes."""
        self.told = 0
        """Items that have told it."""
        self.running = 0
        self.held = 0
        """Items that run, whose results were not delivered yet, or that failed and will be made again."""
        self.light = 0
        """Of those held, the ones that failed before they had taken anything."""
        self.unseen = 0
        """Items started since the last look."""
        self.crowd = 0
        """The most items held at a time, without the light ones, since the allocator last gave back what it
        could: what the process takes may be of them all."""
        self.peak = 0
        """The most that the process ever took, as far as it is known."""
        self.kept = 0.0
        """Bytes that no item accounted for when the allocator had last given back what it could."""
        self.ready = False
        """The consumer may take a result, which makes room."""
        self.awaited: int | None = None
        """The index of the item that delivery waits for; None: any will do."""

    def charge(self, attempt: Attempt) -> int:
        """Who asks: all cost the same, but one is more urgent than others."""
        return attempt.index

    def opens_at(self, charge: int) -> float:
        """Now, if one more fits beside what is held; else when something has changed."""
        if self.held - self.light < 2 * self.told and self._with_one_more <= self.budget:
            return -FOREVER
        urgent = self.awaited in (None, charge) or not self.held or not self.told
        return -FOREVER if urgent and not self.running and not self.ready else FOREVER

    @property
    def roomy(self) -> bool:
        """Whether less than half of the budget is taken or reserved: it need not be looked at often."""
        return self.told > 0 and 2 * self._with_one_more <= self.budget

    @property
    def _with_one_more(self) -> float:
        return max(self.base + self.cost * (self.held + 1), self.resident + self.cost * (self.unseen + 1))

    def take(self, charge: int, now: float) -> int:
        """One more call runs, if it may."""
        if self.opens_at(charge) > now:
            return -1
        self.running += 1
        self.held += 1
        self.unseen += 1
        self.crowd = max(self.crowd, self.held - self.light)
        return 0

    def undo(self, charge: int, at: int, credited: int) -> None:
        """It does not, after all."""
        self.running -= 1
        self.held -= 1
        self.unseen = max(0, self.unseen - 1)

    def settled(self, attempt: Attempt) -> bool:
        """A call has ended, and its cost is known; its result stays until it is delivered.

        So does a failure, whose traceback leads to all that the call had made, until it is made again. It tells the
        cost only if it took something: many calls fail before they do.
        """
        self.running -= 1
        if attempt.error is None or self.cost > TELLING * self.budget:
            self.told += 1
        else:
            self.light += 1
        if attempt.error is None:
            self.cost *= FORGETS ** (1 / max(1, self.held))
        return True

    def idle(self, now: float) -> bool:
        """Whether nothing is held."""
        return not self.held

    def hoards(self, resident: int) -> bool:
        """Whether there is no room for another item, and the items that there are do not account for it.

        Then the allocator should give back what others have freed.
        """
        return resident + self.cost > self.budget and self._surplus(resident) > self.kept + self.cost

    def trimmed(self, resident: int, peak: int) -> None:
        """The allocator has given back what it could; so much is left, and what it took before is past."""
        self.peak, self.crowd = peak, self.held - self.light
        if not self.held:
            self.base = resident
        self.kept = max(0.0, self._surplus(resident))

    def _surplus(self, resident: int) -> float:
        return resident - self.base - self.cost * max(1, self.held)

    def observe(self, resident: int, peak: int = 0, seen: int | None = None) -> None:
        """The process takes so many bytes now, and took as many as `peak` at some time.

        `seen`: items started since the look before this one, when it began; what has started since then is not in it.
        """
        self.resident, self.unseen = resident, 0 if seen is None else max(0, self.unseen - seen)
        if not self.crowd:
            self.base = resident
        else:
            self.base = min(self.base, resident)
            most = max(resident, peak if peak > self.peak > 0 else 0)  # calls that have ended took it, and gave it back
            self.cost = max(self.cost, (most - self.base) / self.crowd)
        self.peak = max(self.peak, peak)


class MemoryGate(Queue):
    """The gate of one run's memory budget."""

    def __init__(self, budget: int, name: str) -> None:
        self.share = Share(budget)
        super().__init__(self.share, f"memory {name}")

    own = overtaken = True

    def _head(self) -> Place | None:
        """The item that delivery waits for overtakes the others, which could not make room for it."""
        first = super()._head()
        if first is None or first.charge == self.share.awaited or self.share.awaited is None:
            return first
        return next((place for place in self.places if place.charge == self.share.awaited), first)

    def _in_line(self, ring: Ring | None, now: float) -> bool:
        """* Only where the first cannot go either: it waits for the budget, and not just for a place in the run."""
        return self._released() is None

    def look_at(self, kept: int, *, ready: bool, awaited: int | None) -> None:
        """How many have ended and are kept; whether the consumer may take one, and which one it waits for."""
        share = self.share
        share.held, share.ready, share.awaited = share.running + max(0, kept), ready, awaited
        share.light = min(share.light, max(0, kept))

    def observe(self, resident: int, peak: int = 0, seen: int | None = None) -> None:
        """The process takes so many bytes now: the head may be able to go."""
        with self.lock:
            before = self._released()
            self.share.observe(resident, peak, seen)
            released = self._released()
        self._ring(released, before)

    def delivered(self, kept: int, *, ready: bool, awaited: int | None) -> None:
        """The consumer has taken something: what that took is free again. For the rest see `look_at`."""
        with self.lock:
            before = self._released()
            self.look_at(kept, ready=ready, awaited=awaited)
            released = self._released()
        self._ring(released, before)

    def _released(self) -> Place | None:
        """* The head, if it may go."""
        head = self._head() if self.places else None
        return None if head is None or self.share.opens_at(head.charge) == FOREVER else head

    def _ring(self, released: Place | None, before: Place | None) -> None:
        """Whoever could go before waits for a place in its run: rung again and again, it would look again and again."""
        if released is not None and released is not before:
            released.ring()


def size_of(told: object) -> int | float:
    """`memory=` as people write it: bytes as an integer, or a share of what there is as a float below 1."""
    found = _SPELLED.fullmatch(told.lower()) if isinstance(told, str) else None
    if found is not None and found[2] == "%":
        share = float(found[1]) / 100
        return share if 0 < share < 1 else refuse("memory", told, "a share above 0% and below 100%")
    size = int(float(found[1]) * UNITS[found[2]]) if found is not None else told
    if isinstance(size, float) and 0 < size < 1:
        return size
    if not isinstance(size, int) or isinstance(size, bool) or not 0 < size <= MOST:
        refuse("memory", told, "a size such as '2GB' or '500MiB', or a share such as '50%' or 0.5")
    if size < LEAST:
        refuse(
            "memory",
            told,
            f"at least 1 MB, and this is {size} bytes: sizes have units, as in '50MB', and shares are '50%'",
        )
    return size
