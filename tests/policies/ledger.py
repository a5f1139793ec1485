"""What was taken from buckets, written down, and held against the bound that a rate promises."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iobound.policies.rate import SECOND, Bucket

if TYPE_CHECKING:
    import pytest


@dataclass
class Ledger:
    """(moment, charge) of all that was taken and not undone, and of all that was credited; in nanoseconds."""

    taken: list[list[int]] = field(default_factory=list)
    credits: list[tuple[int, int]] = field(default_factory=list)
    depth: int = 0

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Write down what every bucket does from now on."""
        take, undo, spent = Bucket.take, Bucket.undo, Bucket.spent

        def taking(bucket: Bucket, charge: int, now: float) -> int:
            at = take(bucket, charge, now)
            self.depth = max(self.depth, bucket.depth)
            if at >= 0:
                self.taken.append([at, charge])
            return at

        def undoing(bucket: Bucket, charge: int, at: int) -> None:
            undo(bucket, charge, at)
            self.taken.remove([at, charge])

        def spending(bucket: Bucket, charge: int, units: float, now: float) -> int:
            used = spent(bucket, charge, units, now)
            self.credits.append((int(now * SECOND), max(0, charge - used)))
            return used

        for name, method in (("take", taking), ("undo", undoing), ("spent", spending)):
            monkeypatch.setattr(Bucket, name, method)

    def excess(self) -> int:
        """By how many nanoseconds of filling the worst window is above what it may hold; at most 0 if none is.

        A charge counts as much as the time in which the bucket fills by it: a window of L nanoseconds may hold the
        depth of the bucket, or the largest charge, and L more.
        """
        events = sorted([*((at, 0, -credit) for at, credit in self.credits), *((at, 1, c) for at, c in self.taken)])
        allowed = max([self.depth, *(charge for _, charge in self.taken)])
        worst, before, total = -allowed, [], 0
        for at, _, charge in events:
            before.append(total - at)  # a window may begin here
            total += charge
            worst = max(worst, total - at - min(before) - allowed)
        return worst
