"""Delivery: finished items, in input order or as completed, within a bounded window."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from iobound.words.attempt import Attempt

if TYPE_CHECKING:
    from collections.abc import Iterable


class Delivery:
    """The window between the source and the consumer.

    `ready` holds what the consumer takes, from the left, while `ready[0].done`. Ordered, every attempt enters
    it when it is pulled, so the queue itself keeps the order; as completed, it enters when it is done. Appending
    and popping are atomic and need no lock.
    """

    __slots__ = ("ordered", "pulled", "ready", "returned", "window")

    def __init__(self, window: int, *, ordered: bool) -> None:
        self.window = window
        self.ordered = ordered
        self.ready: deque[Attempt] = deque()
        self.pulled = 0
        """Items pulled, ever. Only the feeding party writes it."""
        self.returned = 0
        """Items whose place in the window the consumer has given back."""

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

    @property
    def obstacle(self) -> tuple[str, int | None]:
        """Why an open source has given nothing to start; and the item that the order waits for."""
        if self.room > 0:
            return "source", None
        head = self.head
        if head is None:
            return "", None
        return ("consumer", None) if head.done else ("order", head.index)

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

    def drop(self) -> None:
        """Forget what was not delivered. Workers still appending do so to the old queue, which nobody reads."""
        self.ready = deque()
