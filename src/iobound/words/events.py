"""Hooks: observers that a run tells what happens, outside its lock. Without hooks nothing is paid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iobound.words.errors import logged

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Sequence

EVENTS = ("started", "settled", "delivered", "limit_changed", "source_ended", "stopped")
"""What a hook may define, each a method:

started(attempt), settled(attempt): around every attempt, in the worker that runs it; delivered(attempt): in
the consumer; limit_changed(old, new, reason), source_ended(count): in whoever comes to know it; stopped(error): once,
at the end, in whoever ends the run.
"""


class HookSet:
    """The hooks of one run, sorted by event, so that an event nobody observes costs one truth test."""

    __slots__ = EVENTS

    started: Sequence[Callable[..., object]]
    settled: Sequence[Callable[..., object]]
    delivered: Sequence[Callable[..., object]]
    limit_changed: Sequence[Callable[..., object]]
    source_ended: Sequence[Callable[..., object]]
    stopped: Sequence[Callable[..., object]]

    def __init__(self, hooks: Sequence[object] = ()) -> None:
        for event in EVENTS:
            setattr(self, event, tuple(getattr(hook, event) for hook in hooks if hasattr(hook, event)))

    @property
    def watch_calls(self) -> bool:
        """Whether anybody observes the start or the end of an attempt."""
        return bool(self.started or self.settled)

    def tell(self, event: str, *facts: Any) -> None:
        """Call every hook of `event`. One that raises is dropped and logged."""
        for method in getattr(self, event):
            try:
                method(*facts)
            except Exception as error:  # noqa: BLE001 - an observer never hurts a run
                self._drop(method, error)

    def tell_all(self, news: deque[tuple[Any, ...]]) -> None:
        """Tell what has happened. Several threads may be at it: each event is told by one of them."""
        while news:
            try:
                facts = news.popleft()
            except IndexError:
                return  # somebody else was faster
            self.tell(*facts)

    def _drop(self, method: Callable[..., object], error: Exception) -> None:
        hook = getattr(method, "__self__", method)
        logged(error, "hook %r raised and was dropped", hook)
        for event in EVENTS:
            kept = (each for each in getattr(self, event) if getattr(each, "__self__", each) is not hook)
            setattr(self, event, tuple(kept))
