"""Keys that are told to wait: the gate through which retries hold up new items."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from iobound.words.attempt import Attempt

FEWEST = 1024
"""Keys that are remembered before those are forgotten whose time is over."""


class HeldTicket:
    """The turn of one key's head. A run has one per key, so that there is no queue."""

    __slots__ = ("again", "hold", "key", "ring")
    unit = None

    def __init__(self, hold: Hold, attempt: Attempt, ring: Callable[[], None]) -> None:
        self.hold = hold
        self.key = attempt.key
        self.again = attempt.number > 1
        self.ring = ring

    @property
    def opens_at(self) -> float:
        """When the key may go on."""
        hold = self.hold
        if self.key in hold.crowded and not self.again:
            hold.rings[self.key] = self.ring
            return FOREVER
        return hold.until.get(self.key, -FOREVER)

    def take(self, now: float) -> bool:
        """Go on, if the time has come."""
        if self.opens_at > now:
            return False
        self.hold.until.pop(self.key, None)
        return True

    def give_back(self) -> None:
        """Nothing was taken."""
        with suppress(Exception):  # out of the key's own `__hash__` or `__eq__`: leaving never fails
            self.hold.rings.pop(self.key, None)

    def spent(self, units: float, now: float) -> None:
        """Nothing is counted here."""

    def settled(self, attempt: Attempt, now: float) -> None:
        """Nothing is counted here."""


class Free:
    """The ticket of whoever passes at once."""

    unit = None
    opens_at = -FOREVER

    def take(self, now: float) -> bool:
        """Go on."""
        return True

    def give_back(self) -> None:
        """Nothing was taken."""

    def spent(self, units: float, now: float) -> None:
        """Nothing is counted here."""

    def settled(self, attempt: Attempt, now: float) -> None:
        """Nothing is counted here."""


FREE = Free()


class Hold:
    """A gate of one run, asked only under its lock."""

    own = overtaken = True
    """As of `Queue`."""

    def __init__(self) -> None:
        self.until: dict[Hashable, float] = {}
        """Keys whose other side asked for a pause, and its end."""
        self.most = FEWEST
        self.crowded: set[Hashable] = set()
        """Keys with so many retries waiting that nothing new starts."""
        self.rings: dict[Hashable, Callable[[], None]] = {}

    def __str__(self) -> str:
        return "retries"

    def enter(self, attempt: Attempt, now: float, ring: Callable[[], None] | None = None) -> Free | None:
        """Go on, if the key is not held."""
        if self.until or self.crowded:
            if attempt.key in self.crowded and attempt.number == 1:
                return None
            if self.until.get(attempt.key, -FOREVER) > now:
                return None
            self.until.pop(attempt.key, None)
        return FREE

    def request(self, attempt: Attempt, now: float, ring: Callable[[], None]) -> HeldTicket:
        """Ask for a turn."""
        return HeldTicket(self, attempt, ring)

    def shut(self, key: Hashable, until: float, now: float) -> None:
        """Nothing of this key starts before then."""
        if len(self.until) >= self.most:  # keys that have not come back: constant work per key
            self.until = {each: end for each, end in self.until.items() if end > now}
            self.most = max(FEWEST, 2 * len(self.until))
        self.until[key] = max(until, self.until.get(key, -FOREVER))

    def crowd(self, key: Hashable, *, crowded: bool) -> None:
        """Nothing new of this key starts, or again."""
        if crowded:
            self.crowded.add(key)
        elif key in self.crowded:
            self.crowded.discard(key)
            ring = self.rings.pop(key, None)
            if ring is not None:
                ring()
