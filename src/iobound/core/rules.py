"""What one run was told to do, as plain data: the part of the options that the state machine decides by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iobound.words.errors import TooManyErrors

if TYPE_CHECKING:
    from collections.abc import Callable

    from iobound.policies.memory import MemoryGate
    from iobound.policies.retry import Retry
    from iobound.words.gates import Gate, Keeper
    from iobound.words.limiting import Limit


@dataclass(frozen=True, slots=True)
class ErrorLimit:
    """`max_errors`: a count, or a share that counts from 100 outcomes on."""

    count: int | None = None
    share: float | None = None

    def __str__(self) -> str:
        return f"{self.count}" if self.count is not None else f"{100 * (self.share or 0):g}%"

    def exceeded(self, failed: int, outcomes: int) -> bool:
        """Whether `failed` of `outcomes` items are too many."""
        if self.count is not None:
            return failed > self.count
        return self.share is not None and outcomes >= 100 and failed > self.share * outcomes  # noqa: PLR2004

    def error(self, failed: int, outcomes: int, latest: BaseException | None) -> TooManyErrors:
        """What a run ends with where it is exceeded; it comes from the failure that came last."""
        told = TooManyErrors(f"{failed} of {outcomes} items failed, max_errors={self}")
        told.__cause__ = latest
        return told


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a run. Times are in seconds."""

    limit: int
    """To begin with, where `steered`."""
    window: Callable[[int], int]
    """The window that belongs to a limit: a falling limit shrinks it, and drops nothing."""
    steered: Limit | None = None
    """Who says how many calls may be in flight, where that may change."""
    most: int = 0
    """What the limit may become."""
    ordered: bool = True
    fail_fast: bool = True
    max_errors: ErrorLimit | None = None
    task_timeout: float | None = None
    timeout: float | None = None
    grace: float = 1.0
    max_abandoned: int = 0
    gates: tuple[Gate, ...] = ()
    keyed: bool = False
    backlog: int = 0
    """Items started and not yet delivered, in multiples of the limit, beyond which none starts; 0: no bound."""
    cost: float = 1
    """What an item takes of a rate, where nobody computes it."""
    memory: MemoryGate | None = None
    """One of the gates, which hears of what is delivered."""
    retry: Retry | None = None
    keeper: Keeper | None = None
    counted: bool = False
    """Settle every attempt under the lock, so that `Core.wants` is exact: for whoever feeds or dispatches by it."""

    def credits(self, window: int) -> int:
        """How many places the consumer may give back together: an eighth, but each at once where memory hangs on it."""
        return 1 if self.memory is not None else max(1, (self.backlog * self.limit or window) // 8)

    @property
    def plain(self) -> bool:
        """Nothing decides about a single item: attempts are admitted as they are pulled, and started without a lock."""
        return not (self.gates or self.keyed or self.retry or self.keeper or self.counted)
