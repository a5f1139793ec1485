"""Limits as objects: how many calls may run, found by measuring or told, for one run or for several that share it."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING
from weakref import ref

from iobound.policies.knee import Bounds, Knee
from iobound.policies.limits import numbered
from iobound.policies.pacer import Pacer
from iobound.policies.queue import Queue
from iobound.words.checks import check_count, check_number
from iobound.words.clock import FOREVER
from iobound.words.errors import hinted
from iobound.words.limiting import Told
from iobound.words.totals import Totals

if TYPE_CHECKING:
    from iobound.words.limiting import Run

POLL = 0.1
"""Seconds between two looks of runs that share a limit which does not change."""


class Seat:
    """What one run has of a limit. Held by the run alone: the limit forgets a run that is gone."""

    __slots__ = ("__weakref__", "left", "limit", "run", "size", "why")

    def __init__(self, limit: FixedLimit | AdaptiveLimit, run: Run) -> None:
        self.limit = limit
        self.run = run
        self.size = 1
        """How many calls of the run may be in flight."""
        self.why = ""
        """Why it is so many."""
        self.left = False
        """The run is over."""

    @property
    def next_look(self) -> float:
        """When the run shall look again."""
        return self.limit.next_look

    def look(self, now: float) -> None:
        """See what is to be changed."""
        self.limit.look(now)

    def heard(self, told: Told, beside: int, now: float) -> None:
        """A call of the run, one of so many, was refused or took too long."""
        self.limit.heard(told, beside, now, self.run)

    def leave(self) -> None:
        """The run is over. Takes no lock: the others see it when they look."""
        self.left = True


class Shared:
    """A number of calls, divided among the runs that have a seat."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seats: list[tuple[ref[Seat], Totals]] = []
        self._gone = Totals()
        """What runs had counted that are gone."""

    def take_seat(self, run: Run, now: float) -> Seat:
        """A seat for a run that begins."""
        seat = Seat(self, run)  # type: ignore[arg-type]
        with self._lock:
            self._seats.append((ref(seat), Totals()))
            self._begin(now, self._count(now))
            self._divide()
        return seat

    def _begin(self, now: float, totals: Totals) -> None:
        """* A run begins."""

    def _number(self) -> tuple[int, str]:
        """* How many there are to divide, and why."""
        raise NotImplementedError

    def _count(self, now: float) -> Totals:
        """* What all runs have counted, ever."""
        total, present = self._gone, []
        for each, before in self._seats:
            seat = each()
            counted = before if seat is None else seat.run.totals(now)
            total += counted
            if seat is None or seat.left:
                self._gone += counted
            else:
                present.append((each, counted))
        self._seats = present
        return total

    def _divide(self) -> None:
        """* Alike, but none gets what it does not use; no more in all than there are, but one for each run."""
        number, why = self._number()
        seats = [seat for each, _ in self._seats if (seat := each()) is not None]
        if len(seats) == 1:
            seats[0].size, seats[0].why = number, why
            return
        why = f"{why}, divided among {len(seats)} runs" if why else ""
        busy = [seat.run.busy() for seat in seats]
        wanted = [each + 1 if each < seat.size else FOREVER for each, seat in zip(busy, seats, strict=True)]
        fair = evenly(number, wanted)
        taken = [max(each, mine) for each, mine in zip(busy, fair, strict=True)]
        for place, seat in enumerate(seats):
            others = sum(taken) - taken[place]  # their calls that run go on, whatever is their part now
            seat.size, seat.why = max(1, min(fair[place], number - others)), why


def evenly(number: int, wanted: list[float]) -> list[int]:
    """Whole shares of a number, equal but for those who want less, and at least 1 each."""
    shares, left = [1] * len(wanted), number - len(wanted)
    while left > 0:
        hungry = sorted((share, place) for place, share in enumerate(shares) if share < wanted[place])
        if not hungry:
            hungry = sorted((share, place) for place, share in enumerate(shares))
        shares[hungry[0][1]] += 1
        left -= 1
    return shares


class FixedLimit(Shared):
    """So many calls at a time, in all runs together that it is given to.

    Args:
        limit: the most calls in flight.

    Raises:
        ValueError: not an integer of at least 1.

    Example:
        >>> import iobound
        >>> limit = iobound.FixedLimit(4)
        >>> list(iobound.map(str.upper, ["a", "b"], concurrency=limit))
        ['A', 'B']
    """

    def __init__(self, limit: int) -> None:
        check_count("limit", limit)
        super().__init__()
        self._limit = limit
        self.next_look = POLL

    def __repr__(self) -> str:
        return f"FixedLimit({self._limit})"

    @property
    def initial(self) -> int:
        """What a run begins with."""
        return self._limit

    most = initial

    def look(self, now: float) -> None:
        """Divide it anew."""
        with self._lock:
            self.next_look = now + POLL
            self._count(now)
            self._divide()

    def heard(self, told: Told, beside: int, now: float, run: Run) -> None:
        """It stays what it is."""

    def _number(self) -> tuple[int, str]:
        return self._limit, "it was told"


class AdaptiveLimit(Shared):
    """As many calls at a time as it takes, found by measuring: the default of `concurrency`.

    It grows while more calls in flight bring more throughput, and stops, or goes back, where they bring nothing, or
    only take longer. What the other side refuses (HTTP 429 and 503) is told apart: a number of calls is not exceeded
    again for a while; a rate is learned, and kept by a pacer if the run has `retry=`. One object may be given to
    several runs against the same other side; what was learned stays with it.

    Args:
        initial: the limit to begin with.
        min, max: its bounds; the most is also held to the file descriptors there are.
        target_elasticity: 0.15: a tenth more in flight shall bring 1.5 % more throughput, or is not worth it.
        latency_tolerance: how many times its best the latency of a call may become; None: only throughput counts.

    Raises:
        TypeError, ValueError: an argument that makes no sense.

    Example:
        >>> import iobound
        >>> limit = iobound.AdaptiveLimit(max=64)
        >>> list(iobound.map(str.upper, ["a", "b"], concurrency=limit))
        ['A', 'B']

    The rule and its sources: `iobound.policies.knee`.
    """

    def __init__(
        self,
        *,
        initial: int = 8,
        min: int = 1,
        max: int = 256,
        target_elasticity: float = 0.15,
        latency_tolerance: float | None = 3.0,
    ) -> None:
        for name, count in (("initial", initial), ("min", min), ("max", max)):
            check_count(name, count)
        if not min <= initial <= max:
            error = ValueError(f"initial={initial} is not between min={min} and max={max}")
            raise hinted(error, "a run begins with initial=, and stays between the others")
        check_number("target_elasticity", target_elasticity, "a number from 0.01 to 0.9", 0.01, 0.9)
        if latency_tolerance is not None:
            check_number("latency_tolerance", latency_tolerance, "a number from 1.1, or None", 1.1)
        super().__init__()
        self.initial, self.most = initial, max
        tolerance = FOREVER if latency_tolerance is None else latency_tolerance
        self._bounds = Bounds(min, max, target_elasticity, tolerance)
        self._knee: Knee | None = None
        self._pacer = Pacer()
        self.gate = numbered(Queue(self._pacer, "the rate that was learned from refusals"))
        """Where runs that repeat what was refused wait for the learned rate."""

    def __repr__(self) -> str:
        return f"AdaptiveLimit(initial={self.initial}, min={self._bounds.least}, max={self.most})"

    @property
    def limit(self) -> int:
        """How many calls may be in flight now, in all runs together."""
        return self.initial if self._knee is None else self._knee.limit

    @property
    def rate(self) -> float | None:
        """The calls per second that were learned from refusals; None: none."""
        return self._pacer.rate

    @property
    def next_look(self) -> float:
        """When something may have to be changed."""
        return FOREVER if self._knee is None else self._knee.next_look

    def look(self, now: float) -> None:
        """See what has happened; perhaps the limit changes."""
        knee = self._knee
        if knee is None or now < knee.next_look:
            return
        with self._lock:
            knee.look(now, self._count(now))
            self._divide()

    def heard(self, told: Told, beside: int, now: float, run: Run) -> None:
        """A call was refused or took too long."""
        with self._lock:
            knee = self._knee
            assert knee is not None  # noqa: S101 - whoever tells has a seat
            totals = self._count(now)
            if told is Told.TIMED_OUT:
                knee.timed_out(now, totals)
            elif (reached := knee.refused(now, totals, beside, asked=told is Told.WAIT)) is not None:
                if run.paced:
                    with self.gate.lock:
                        self._pacer.refused(now, reached)
                else:
                    knee.slow_down(now, reached)
            self._divide()

    def _begin(self, now: float, totals: Totals) -> None:
        if self._knee is None:
            self._knee = Knee(self.initial, self._bounds, now, totals)
        elif len(self._seats) == 1:
            self._knee.resume(now, totals)

    def _number(self) -> tuple[int, str]:
        assert self._knee is not None  # noqa: S101 - there are seats
        return self._knee.limit, self._knee.why
