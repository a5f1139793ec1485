"""A rate that is learned from refusals: how fast the other side may be asked, where nobody told."""

from __future__ import annotations

from iobound.policies.rules import Rule
from iobound.words.clock import FOREVER

CUT = 0.15
"""The share by which the rate falls below the throughput that was refused more."""
BACK = 8.0
"""Seconds after which it is back there; from then on it asks for more, ever faster (the cubic of RFC 9438)."""
FORGOTTEN = 60.0
"""Seconds without a refusal after which there is no rate any more."""
SLOWEST = 0.05
"""Units per second that are always tried: else nothing would ever be learned again."""
BURST = 2
"""Units that may be made up for at once."""


class Pacer(Rule):
    """The rule of a gate, open until something is refused for coming too fast.

    As in the adaptive retry mode of botocore, throughput is cut when the other side refuses, and grows back by the
    cubic function of TCP CUBIC: fast at first, slowly where it was refused, then fast again.
    """

    def __init__(self) -> None:
        self.rate: float | None = None
        """Units per second; None: as many as come."""
        self._reached = 0.0
        """The throughput at which it was refused."""
        self._cut_at = -FOREVER
        self._next = -FOREVER

    def refused(self, now: float, throughput: float) -> None:
        """Something was refused while so much went well per second."""
        self._reached = max(SLOWEST, throughput if self.rate is None else min(throughput, self.rate))
        self._cut_at = now
        self._follow(now)

    def opens_at(self, charge: int) -> float:
        """When the next may start."""
        return -FOREVER if self.rate is None else self._next

    def take(self, charge: int, now: float) -> int:
        """The next starts, if it is time."""
        self._follow(now)
        if self.rate is not None:
            if now < self._next:
                return -1
            self._next = max(self._next + 1 / self.rate, now - BURST / self.rate)
        return 0

    def undo(self, charge: int, at: int, credited: int) -> None:
        """It did not start, after all."""
        if self.rate is not None:
            self._next -= 1 / self.rate

    def _follow(self, now: float) -> None:
        since = now - self._cut_at
        if since > FORGOTTEN:
            self.rate = None
        else:
            self.rate = max(SLOWEST, self._reached * (1 + CUT * ((since - BACK) / BACK) ** 3))
