"""What was taken of a run: the outcomes that whoever consumed it has seen, and what they came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iobound.report.failures import Failures

if TYPE_CHECKING:
    from iobound.words.attempt import Outcome
    from iobound.words.stats import Stats


class Taken:
    """Counts outcomes. The statistics of the run count calls: some may have ended whose results nobody took."""

    def __init__(self) -> None:
        self.ok = 0
        self.failures = Failures()
        self.busy = 0.0
        """Seconds that calls ran, in all."""
        self.spoiled = 0
        """Calls that went well, and whose results could not be written: they count as failures here."""

    @property
    def count(self) -> int:
        """All of them."""
        return self.ok + self.failures.count

    def add(self, outcome: Outcome[Any]) -> None:
        """One more."""
        self.busy += outcome.duration
        if outcome.ok:
            self.ok += 1
        else:
            self.failures.add(outcome)

    def lost(self, stats: Stats) -> int:
        """Calls that went well, and whose results were not taken."""
        return max(0, stats.succeeded - self.ok - self.spoiled)
