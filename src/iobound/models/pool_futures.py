"""What a pool holds: the futures of its calls, and the turns of those who wait to submit one."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from iobound.words.bells import ThreadBell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iobound.models.pool import Pool

    Call = tuple[Callable[..., Any], tuple[Any, ...], Mapping[str, Any]]

T = TypeVar("T")


class PoolFuture(Future[T]):
    """A future that gives its place in the pool back when it is cancelled."""

    def __init__(self, pool: Pool) -> None:
        super().__init__()
        self._pool = pool

    def cancel(self) -> bool:
        """Cancel the call, unless it has begun."""
        cancelled = super().cancel()
        if cancelled:
            self._pool.drop(self)
        return cancelled


class Turn(ThreadBell):
    """A thread that waits until its call is let in."""

    __slots__ = ("admitted", "call", "future")

    def __init__(self, future: PoolFuture[Any], call: Call) -> None:
        super().__init__()
        self.future = future
        self.call = call
        self.admitted = False
