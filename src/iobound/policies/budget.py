"""Retry budgets: retries stay a small share of the work, and never are what keeps a server down."""

from __future__ import annotations

from dataclasses import dataclass

from iobound.words.checks import check_number

SLACK = 1e-9
"""What rounding may lose of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryBudget:
    """How many retries the items of one key may make together.

    Each takes one from a stock of at most `cap`, which is full at the start and grows by `per_second`, and by `ratio`
    for each item that succeeds at once. Where it is empty a due retry waits for more, or for its deadline, and while
    more than twice the concurrency wait nothing new of that key starts.

    Raises:
        ValueError: a number that makes no sense. `per_second` is more than 0: a run must come to an end.

    Example:
        >>> import iobound
        >>> iobound.RetryBudget(per_second=1).cap
        100

    After Finagle's `RetryBudget`.
    """

    ratio: float = 0.1
    per_second: float = 10
    cap: float = 100

    def __post_init__(self) -> None:
        for name, least in (("ratio", 0), ("per_second", 1e-6), ("cap", 1)):
            check_number(name, getattr(self, name), f"a number of at least {least:g}", least)


class Stock:
    """The budget of one key."""

    __slots__ = ("at", "budget", "left")

    def __init__(self, budget: RetryBudget, now: float) -> None:
        self.budget = budget
        self.left: float = budget.cap
        self.at = now

    def deposit(self, now: float) -> None:
        """An item has succeeded at its first attempt."""
        self._grow(now)
        self.left = min(self.budget.cap, self.left + self.budget.ratio)

    def take(self, now: float) -> bool:
        """Take one, if there is one."""
        self._grow(now)
        if self.left < 1 - SLACK:
            return False
        self.left -= 1
        return True

    def next_time(self) -> float:
        """When there will be one, without deposits."""
        return self.at + max(0.0, 1 - self.left) / self.budget.per_second

    def full(self, now: float) -> bool:
        """Whether it is as good as new."""
        self._grow(now)
        return self.left >= self.budget.cap

    def _grow(self, now: float) -> None:
        if now > self.at:
            self.left = min(self.budget.cap, self.left + (now - self.at) * self.budget.per_second)
            self.at = now
