"""Of workers whose calls are brief one takes the turns; a call that hangs never holds up what is behind it."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import iobound

LIMITS = [
    {"rate": iobound.Rate(1e9, burst=1e9)},
    {"retry": 3},
    {"key": lambda item: item % 7, "key_concurrency": 9},
    {"rate": iobound.Rate(1e9, burst=1e9), "retry": 3, "key": str, "key_rate": "1000/s", "task_timeout": 60},
]


@pytest.mark.parametrize("options", LIMITS)
@pytest.mark.parametrize("hanging", [{0}, {300, 301, 302}, {999}])
def test_what_is_behind_a_call_that_hangs_goes_on(options: dict[str, Any], hanging: set[int]) -> None:
    others_done = threading.Event()

    def call(item: int) -> int:
        if item in hanging:
            assert others_done.wait(30)
        return item

    seen = set()
    for item in iobound.map(call, range(1000), concurrency=4, ordered=False, model="threads", **options):
        seen.add(item)
        if len(seen) == 1000 - len(hanging):
            others_done.set()
    assert seen == {*range(1000)}


@pytest.mark.parametrize("options", LIMITS)
def test_slow_calls_that_come_after_brief_ones_get_all_their_threads(options: dict[str, Any]) -> None:
    together = threading.Barrier(8)

    def call(item: int) -> int:
        if item >= 20_000:
            together.wait(30)  # passes only if eight calls are in flight
        return item

    assert list(iobound.map(call, range(20_080), concurrency=8, model="threads", **options)) == [*range(20_080)]
