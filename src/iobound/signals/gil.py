"""How long work holds the GIL: a rival thread that always wants it tells how long it did not get it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread, get_native_id
from time import perf_counter, thread_time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HAND_OVER = 2e-4
"""The interpreter's switch interval while the rival runs: whoever wants the GIL gets it that soon."""
TURN = 200
"""Steps of the rival's loop between two looks whether it is over."""


class Held(NamedTuple):
    """Bounds for the seconds that others than the rival held the GIL."""

    least: float
    most: float


def held_by(work: Callable[[], object]) -> Held:
    """Run the work beside a thread that does nothing but Python, and so always wants the GIL.

    What that thread lost of the time is what somebody else held the GIL (`most`), or what it waited for a processor,
    or what this thread waited for one while it held the GIL. Linux tells such waiting apart, for each thread: without
    it is `least`. On a quiet machine with two processors both are the same to some 20 us for each time that the work
    takes the GIL; where other programs want the processors they lie apart, and the truth is between them.
    """
    rival = Rival()
    with _quick_hand_over():
        rival.start()
        rival.begun.wait()
        queued = _queued()
        try:
            work()
        finally:
            queued = _queued() - queued
            rival.over = True
            rival.join()
    return Held(max(0.0, rival.lost - rival.queued - queued), max(0.0, rival.lost))


class Rival(Thread):
    """Counts, until told that it is over."""

    def __init__(self) -> None:
        super().__init__(name="iobound-gil-rival", daemon=True)
        self.begun = Event()
        self.over = False
        self.lost = 0.0
        """Seconds of its life in which it did not run."""
        self.queued = 0.0
        """Of these, what it waited for a processor, as far as the platform tells."""

    def run(self) -> None:
        """Want the GIL."""
        queued, began, ran = _queued(), perf_counter(), thread_time()
        self.begun.set()
        while not self.over:
            for _ in range(TURN):
                pass
        self.lost = (perf_counter() - began) - (thread_time() - ran)
        self.queued = _queued() - queued


@contextmanager
def _quick_hand_over() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(HAND_OVER)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _queued() -> float:
    """Seconds that this thread has waited for a processor so far: Documentation/scheduler/sched-stats of Linux."""
    try:
        return int(Path(f"/proc/self/task/{get_native_id()}/schedstat").read_bytes().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
