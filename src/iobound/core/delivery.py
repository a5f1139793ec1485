"""Delivery: finished items, in input order or as completed, within a bounded window."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from iobound.words.attempt import Attempt

if TYPE_CHECKING:
    from collections.abc import Iterable

DELIVERY = ("order", "source", "consumer")
"""What can hold back a run that has no limits."""


class Delivery:
    """The window between the source and the consumer.

    `ready` holds what the consumer takes, from the left, while `ready[0].done`. Ordered, every attempt enters
    it when it is pulled, so the queue itself keeps the order; as completed, it enters when it is done. Appending
    and popping are atomic and need no lock.
    """

    __slots__ = (
        "blocked_by",
        "blocked_on",
        "blocked_since",
        "held",
        "held_by",
        "ordered",
        "pulled",
        "ready",
        "returned",
        "window",
        "worst",
    )

    def __init__(self, window: int, *, ordered: bool) -> None:
        self.window = window
        self.ordered = ordered
        self.ready: deque[Attempt] = deque()
        self.pulled = 0
        """Items pulled, ever. Only the feeding party writes it."""
        self.returned = 0
        """Items whose place in the window the consumer has given back."""
        self.blocked_since: float | None = None
        self.blocked_on = ""
        self.blocked_by = 0
        self.held = dict.fromkeys(DELIVERY, 0.0)
        """Seconds in which a free slot had nothing to start, by what held the run back: these, or a limit's name."""
        self.held_by: int | None = None
        self.worst = 0.0

    @property
    def room(self) -> int:
        """How many more items may be pulled."""
        return self.window - (self.pulled - self.returned)

    @property
    def head(self) -> Attempt | None:
        """What the consumer takes next. It may be taking it now, without the lock."""
        try:
            return self.ready[0]
        except IndexError:
            return None

    @property
    def deliverable(self) -> bool:
        """Whether the consumer may take something."""
        head = self.head
        return head is not None and head.done

    @property
    def awaited(self) -> int | None:
        """The index of the item that all others wait for, where they are delivered in order."""
        head = self.head if self.ordered else None
        return None if head is None else head.index

    def expect(self, attempt: Attempt) -> None:
        """One more was pulled: it has its place, which in order is one in the queue."""
        attempt.index = self.pulled
        self.pulled += 1
        if self.ordered:
            self.ready.append(attempt)

    def pull(self, items: Iterable[object], now: float) -> tuple[list[Attempt], Exception | None]:
        """Pull what there is room for: the attempts, and the error that the items ended with."""
        index, batch, error = self.pulled, [], None
        try:
            for item in islice(items, self.room):  # `expect`, unrolled: a tenth of what an item costs
                attempt = Attempt()
                attempt.item = item
                attempt.index = index
                attempt.pulled = now
                index += 1
                batch.append(attempt)
        except Exception as raised:  # noqa: BLE001 - a dict that changed while it was iterated, say
            error = raised
        self.pulled = index
        if self.ordered:
            self.ready.extend(batch)
        return batch, error

    def pass_over(self) -> None:
        """What waits at the head and will never be done makes way for what is. Only the consumer may ask for it."""
        while (head := self.head) is not None and not head.done:
            passed = self.ready.popleft()
            if passed.done:  # just now
                self.ready.appendleft(passed)

    def blocked(self, now: float, *, source_open: bool, limit: str = "") -> None:
        """A worker finds nothing to start: note why, until that changes or something starts."""
        head = self.head
        if limit or not source_open:
            why = limit
        elif self.room > 0:
            why = "source"
        else:
            why = "" if head is None else "consumer" if head.done else "order"
        if self.blocked_since is None or why != self.blocked_on:
            self.freed(now)
            if why:
                self.blocked_since, self.blocked_on, self.blocked_by = now, why, head.index if head is not None else 0

    def freed(self, now: float) -> None:
        """What held the run back does so no longer."""
        if self.blocked_since is None:
            return
        seconds = now - self.blocked_since
        self.blocked_since = None
        self.held[self.blocked_on] = self.held.get(self.blocked_on, 0.0) + seconds
        if self.blocked_on == "order" and seconds >= self.worst:
            self.worst, self.held_by = seconds, self.blocked_by

    def losses(self, now: float) -> dict[str, float]:
        """`held`, with what holds the run back now; not the source: its end may show that it had no more."""
        since, why, held = self.blocked_since, self.blocked_on, dict(self.held)
        if since is not None and why != "source":
            held[why] = held.get(why, 0.0) + max(0.0, now - since)
        return held

    def credit(self, count: int, now: float) -> None:
        """The consumer has taken `count` more items."""
        self.returned += count
        if count and self.blocked_on in DELIVERY:  # what waits for a limit waits on
            self.freed(now)

    def source_ended(self) -> None:
        """Nobody waits for it any more: since when, is not known."""
        if self.blocked_on == "source":
            self.blocked_since = None

    def drop(self) -> None:
        """Forget what was not delivered. Workers still appending do so to the old queue, which nobody reads."""
        self.ready = deque()
