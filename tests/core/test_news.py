"""What has happened under the lock is told outside it, by whoever comes first."""

from __future__ import annotations

from collections import deque
from typing import Any

from iobound.words.events import HookSet


class Hasty(deque[tuple[Any, ...]]):
    """Somebody else takes what is there, between the look and the grip."""

    def __bool__(self) -> bool:
        return True


def test_news_that_somebody_else_has_told_meanwhile_is_no_error() -> None:
    told: list[tuple[Any, ...]] = []

    class Hook:
        def limit_changed(self, *facts: Any) -> None:
            told.append(facts)

    HookSet([Hook()]).tell_all(Hasty([("limit_changed", 8, 16, "why")]))
    assert told == [(8, 16, "why")]
