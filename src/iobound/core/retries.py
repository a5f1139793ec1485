"""Failed attempts on their way to another: in a pause, or waiting for the budget of their key. They hold no slot."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from iobound.policies.budget import RetryBudget, Stock
from iobound.policies.hold import Hold
from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from iobound.core.rules import Rules
    from iobound.words.attempt import Attempt

CROWD = 2
"""Waiting retries of a key, in multiples of the concurrency, beyond which nothing new of it starts."""
FEWEST = 1024
"""Budgets that are remembered before the full ones are forgotten."""


class Retries:
    """Empty and never asked where nothing is retried."""

    def __init__(self, rules: Rules) -> None:
        self.deadline = FOREVER if rules.retry is None or rules.retry.deadline is None else rules.retry.deadline
        self.budget = None if rules.retry is None else rules.retry.budget
        self.crowd = CROWD * rules.limit
        self.hold = Hold()
        self.timed: list[tuple[float, int, Attempt | None, Hashable]] = []
        """When to look: at an attempt whose pause is over, or at a key whose retries wait for its budget."""
        self.waiting: dict[Hashable, deque[Attempt]] = {}
        self.stocks: dict[Hashable, Stock] = {}
        self.most = FEWEST
        self.number = 0
        """Attempts in here."""
        self._ties = count()

    def __bool__(self) -> bool:
        """Whether anything is to be made again."""
        return self.number > 0

    def resize(self, limit: int) -> None:
        """The limit has changed."""
        self.crowd = CROWD * limit

    def next_time(self) -> float:
        """When to look."""
        return self.timed[0][0] if self.timed else FOREVER

    def add(self, attempt: Attempt, now: float) -> bool:
        """A failed attempt asks for another. False: it comes too late, the failure stands."""
        pause = attempt.pause
        if pause is None:
            return False
        if pause.key:
            self.hold.shut(attempt.key, now + pause.key, now)
        if attempt.number == 1:
            attempt.first = attempt.started
        if pause.seconds == FOREVER or now + pause.seconds > attempt.first + self.deadline:
            return False
        self.number += 1
        heappush(self.timed, (now + pause.seconds, next(self._ties), attempt, None))
        return True

    def succeeded(self, attempt: Attempt, now: float) -> None:
        """An item that succeeded at once adds to the budget of its key."""
        if self.budget is None or attempt.number > 1:
            return
        stock = self.stocks.get(attempt.key)
        if stock is not None:  # a full one needs no entry
            stock.deposit(now)
            if attempt.key in self.waiting:
                heappush(self.timed, (now, next(self._ties), None, attempt.key))

    def due(self, now: float) -> Iterator[tuple[Attempt, bool]]:
        """Each attempt whose waiting is over, and whether it may be made again; if not, its failure stands."""
        while self.timed and self.timed[0][0] <= now:
            _, _, attempt, key = heappop(self.timed)
            if attempt is None:
                yield from self._look(key, now)
            elif self._may(attempt, now):
                self.number -= 1
                yield attempt, True
            else:
                self._park(attempt, now)

    def clear(self) -> None:
        """Nothing is made again."""
        self.timed.clear()
        self.waiting.clear()
        self.number = 0

    def _may(self, attempt: Attempt, now: float) -> bool:
        if self.budget is None or (attempt.pause is not None and attempt.pause.free):
            return True
        return attempt.key not in self.waiting and self._stock(attempt.key, now).take(now)

    def _park(self, attempt: Attempt, now: float) -> None:
        waiting = self.waiting.setdefault(attempt.key, deque())
        waiting.append(attempt)
        if len(waiting) == 1:
            self._watch(attempt.key, now)
        if len(waiting) > self.crowd:
            self.hold.crowd(attempt.key, crowded=True)

    def _look(self, key: Hashable, now: float) -> Iterator[tuple[Attempt, bool]]:
        """Those of a key that the budget lets go, first come first served, and those whose time is over."""
        waiting = self.waiting.get(key)
        if not waiting:
            return
        stock = self._stock(key, now)
        while waiting and (now >= waiting[0].first + self.deadline or stock.take(now)):
            attempt = waiting.popleft()
            self.number -= 1
            yield attempt, now < attempt.first + self.deadline
        if len(waiting) <= self.crowd:
            self.hold.crowd(key, crowded=False)
        if waiting:
            self._watch(key, now)
        else:
            self.waiting.pop(key, None)

    def _watch(self, key: Hashable, now: float) -> None:
        at = min(self._stock(key, now).next_time(), self.waiting[key][0].first + self.deadline)
        heappush(self.timed, (at, next(self._ties), None, key))

    def _stock(self, key: Hashable, now: float) -> Stock:
        stock = self.stocks.get(key)
        if stock is None:
            if len(self.stocks) >= self.most:
                self.stocks = {each: old for each, old in self.stocks.items() if not old.full(now)}
                self.most = max(FEWEST, 2 * len(self.stocks))
            stock = self.stocks[key] = Stock(self.budget or RetryBudget(), now)
        return stock
