"""What was taken from buckets, written down, and held against the bound that a rate promises."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iobound.policies.rate import SECOND, Bucket

if TYPE_CHECKING:
    import pytest

FAR = 1 << 100
TAKEN, CORRECTED = "taken", "corrected"


@dataclass
class Book:
    """What happened to one bucket, in this order: (moment, charge, kind), in nanoseconds."""

    depth: int
    entries: list[tuple[int, int, str]] = field(default_factory=list)

    @property
    def taken(self) -> list[tuple[int, int]]:
        """(moment, charge) of all that was taken and not undone."""
        return [(at, charge) for at, charge, kind in self.entries if kind is TAKEN]

    @property
    def allowed(self) -> int:
        """What a window may hold beside its own length."""
        return max([self.depth, *(charge for _, charge in self.taken)])

    def excess(self) -> int:
        """By how many nanoseconds of filling the worst window is above what it may hold; at most 0 if none is.

        A charge counts as much as the time in which the bucket fills by it: a window of L nanoseconds may hold the
        depth of the bucket, or the largest charge, and L more. Credit makes room for the admissions after it. No window
        begins with one: without it the window holds more. And threads read the clock before they wait for the lock, so
        that what comes after a credit may show an earlier moment.
        """
        return self._worst([entry for entry in self.entries if entry[2] is TAKEN or entry[1] < 0])

    def overdrawn(self) -> int:
        """The same with debts, which admissions after them have to wait for."""
        return self._worst(self.entries)

    def _worst(self, entries: list[tuple[int, int, str]]) -> int:
        worst, total, lowest = -self.allowed, 0, FAR
        for at, charge, kind in entries:
            if kind is TAKEN or charge > 0:
                lowest = min(lowest, total - at)  # a window may begin here
            total += charge
            if kind is TAKEN:  # and end here
                worst = max(worst, total - at - lowest - self.allowed)
        return worst


@dataclass
class Ledger:
    """A book for each bucket."""

    books: dict[Bucket, Book] = field(default_factory=dict)

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Write down what every bucket does from now on."""
        take, undo, spent = Bucket.take, Bucket.undo, Bucket.spent

        def book(bucket: Bucket) -> Book:
            return self.books.setdefault(bucket, Book(bucket.depth))

        def taking(bucket: Bucket, charge: int, now: float) -> int:
            at = take(bucket, charge, now)
            if at >= 0:
                book(bucket).entries.append((at, charge, TAKEN))
            return at

        def undoing(bucket: Bucket, charge: int, at: int, credited: int) -> None:
            undo(bucket, charge, at, credited)
            entries = book(bucket).entries
            del entries[next(place for place, entry in enumerate(entries) if entry[0] is at)]  # others may be equal

        def spending(bucket: Bucket, charge: int, units: float, now: float) -> int:
            used = spent(bucket, charge, units, now)
            book(bucket).entries.append((int(now * SECOND), used - charge, CORRECTED))
            return used

        for name, method in (("take", taking), ("undo", undoing), ("spent", spending)):
            monkeypatch.setattr(Bucket, name, method)

    @property
    def taken(self) -> list[tuple[int, int]]:
        """(moment, charge) of all that was taken from any bucket, and not undone."""
        return [entry for book in self.books.values() for entry in book.taken]

    def excess(self) -> int:
        """That of the worst bucket: see `Book`."""
        return max((book.excess() for book in self.books.values()), default=0)

    def overdrawn(self) -> int:
        """That of the worst bucket: see `Book`."""
        return max((book.overdrawn() for book in self.books.values()), default=0)
