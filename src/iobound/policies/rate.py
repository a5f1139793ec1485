"""Rates: how many units may start per time, by the generic cell rate algorithm in integer nanoseconds."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, inf, nextafter
from typing import TYPE_CHECKING, Any, NamedTuple

from iobound.policies.rules import Rule
from iobound.words.checks import check_number, check_plain, is_number, refuse
from iobound.words.errors import hinted

if TYPE_CHECKING:
    from collections.abc import Callable

    from iobound.words.attempt import Attempt

SECOND = 1_000_000_000
LEAST, MOST = 1e-9, 1e18
"""Of a limit, a period and a burst: beyond them nothing would ever start, or nothing ever wait."""
ONE: Any = 1
"""By far the most common cost: told from others, from `True` too, by its identity."""
SLACK = SECOND // 200
"""Nanoseconds that whoever waits may sleep on: one awakening for several units, which are saved up meanwhile."""
BURST = Fraction(1, 20)
"""Seconds' worth of units that a rate saves up by default: hardly noticed by whoever polices one second."""
PERIODS = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "day": 86400,
}
_NUMBER = r"([0-9][0-9_,]*(?:\.[0-9]+)?)"
_SPELLED = re.compile(rf"\s*{_NUMBER}(?:\s+([a-z_]\w*))?\s*/\s*{_NUMBER}?\s*([a-z]+?)s?\s*")
_HINT = "write it as '100/s', '500/min', '10000/h' or '3/10s', or as Rate(100, per=1.0)"


class Measures(NamedTuple):
    """A rate in nanoseconds of filling."""

    unit: Fraction
    """For one unit, exactly."""
    one: int
    """For one unit, rounded up."""
    depth: int
    """That an empty bucket takes to fill."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` units per `per` seconds.

    In any window of L seconds the units admitted are at most `max(burst, largest cost) + limit / per * L`. What a
    call turns out to have used (`iobound.spent`) is charged to, or credited to, those after it.

    Args:
        limit: units, more than 0.
        per: seconds.
        burst: units that may start at once after a pause; by default those of 50 ms, and at least 1. A cost above
            the burst waits for a full burst, and those after it wait the longer.
        cost: units of an item, as a number or a function of the item; by default what `cost=` of the run says, or 1.
            0: what a call uses is told by `iobound.spent`, and by nothing before.
        unit: what is counted. Rates of one unit share one cost.

    Raises:
        ValueError: a number that makes no sense.

    Example:
        >>> import iobound
        >>> iobound.Rate(60_000, per=60, cost=len, unit="characters")
        Rate('60000 characters/min')
        >>> list(iobound.map(str.upper, ["a", "b"], rate=iobound.Rate(100)))
        ['A', 'B']

    The algorithm: ITU-T I.371, annex A, "generic cell rate algorithm", in its virtual scheduling form.
    """

    limit: float
    per: float = 1.0
    burst: float | None = None
    cost: float | Callable[[Any], float] | None = None
    unit: str = "requests"
    measures: Measures = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("limit", "per", "burst", "cost"):
            value = getattr(self, name)
            if name == "cost" and callable(value):
                check_plain(name, value)
            elif value is not None:
                least = 0 if name == "cost" else LEAST
                check_number(name, value, f"a number from {least:g} to {MOST:g}", least, MOST)
        if not isinstance(self.unit, str) or not self.unit.isidentifier():
            refuse("unit", self.unit, "a word, such as 'tokens'")
        if is_number(self.cost):
            self.check(self.cost)  # type: ignore[arg-type]
        unit = Fraction(self.per) * SECOND / Fraction(self.limit)
        burst = max(Fraction(1), SECOND * BURST / unit) if self.burst is None else Fraction(self.burst)
        object.__setattr__(self, "measures", Measures(unit, ceil(unit), int(burst * unit)))

    @classmethod
    def of(cls, told: str | Rate) -> Rate:
        """A rate as people write it: `'100/s'`, `'500/min'`, `'3/10s'`, `'60000 tokens/min'`."""
        if isinstance(told, Rate):
            return told
        found = _SPELLED.fullmatch(told.lower()) if isinstance(told, str) else None
        if found is None or found[4] not in PERIODS:
            kind = ValueError if isinstance(told, str) else TypeError
            raise hinted(kind(f"{told!r} is no rate"), _HINT)
        limit = float(re.sub("[_,]", "", found[1]))
        per = float(found[3] or 1) * PERIODS[found[4]]
        if not limit or not per:
            raise hinted(ValueError(f"rate {told!r} lets nothing through"), _HINT)
        return cls(limit, per, unit=found[2] or "requests")

    def check(self, cost: float) -> None:
        """Refuse a cost that nothing could ever pass with."""
        if cost > max(self.limit, self.burst or 0):
            error = ValueError(f"a cost of {cost:g} {self.unit} can never pass the rate {self}")
            raise hinted(error, "split the item, or ask for a larger limit over a longer time")

    def __str__(self) -> str:
        names = {1: "s", 60: "min", 3600: "h", 86400: "day"}
        unit = "" if self.unit == "requests" else f" {self.unit}"
        return f"{self.limit:.12g}{unit}/{names.get(self.per, f'{self.per:g}s')}"  # type: ignore[call-overload]

    def __repr__(self) -> str:
        return f"Rate({str(self)!r})"


class Bucket(Rule):
    """The state of one rate: when the bucket that fills at it will be full again. Times are integer nanoseconds.

    Whole nanoseconds, rounded against whoever asks, cannot drift: the bound of `Rate` holds exactly, for ever.
    """

    turn = SLACK / SECOND
    """What was saved up meanwhile may go to one of those who share the rate, the next time to another, as quanta do in
    deficit round robin (Shreedhar and Varghese, 1995)."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.unit = rate.unit
        self.cost = None if callable(rate.cost) else rate.cost
        self._unit, self.one, self.depth = rate.measures
        self.full_at = 0
        self._last = 0

    def charge(self, attempt: Attempt) -> int:
        """What an attempt costs, in nanoseconds of filling."""
        rate = self.rate
        cost = attempt.costs.get(rate.unit, self.cost) if attempt.costs else self.cost
        if cost is None:
            cost = attempt.cost
        if cost is ONE:
            return self.one
        if not is_number(cost) or not 0 <= cost < inf:
            error = ValueError(f"a cost of {cost!r} {rate.unit} is no number of at least 0")
            raise hinted(error, "cost= takes a number, or a function that gives one for an item")
        rate.check(cost)
        return self._nanoseconds(cost)

    def _nanoseconds(self, units: float) -> int:
        if isinstance(units, int):
            return -(-units * self._unit.numerator // self._unit.denominator)
        return ceil(Fraction(units) * self._unit)

    def opens_at(self, charge: int) -> float:
        """When there is enough in the bucket; a charge above its depth needs it full, and leaves it in debt."""
        spare = self.depth - charge  # what the bucket may gather beyond it meanwhile
        return moment(self.full_at - max(0, spare) + min(SLACK, spare // 4 if spare > 0 else 0))

    def take(self, charge: int, now: float) -> int:
        """Take it out, if there is enough. Returns the moment, for `undo`, or -1."""
        at, full_at, depth = int(now * SECOND), self.full_at, self.depth
        if full_at - depth + min(depth, charge) > at:  # `opens_at` in whole numbers
            return -1
        self._last = max(self._last, at)
        self.full_at = max(full_at, at) + charge
        return at

    def undo(self, charge: int, at: int, credited: int) -> None:
        """Put back what was taken at that moment, when so much had been credited.

        Without it the bucket might have been full, and have overflowed, until others took from it, and by what others
        have given back since: so much is lost.
        """
        self.full_at -= max(0, charge - (self._last - at) - (self.credited - credited))

    def spent(self, charge: int, units: float, now: float) -> int:
        """The call used so many units, whatever was charged: debt or credit for those after it. The new charge."""
        used = self._nanoseconds(units)
        if used > charge:
            self._last = at = max(self._last, int(now * SECOND))
            self.full_at = max(self.full_at, at)
        else:
            self.credited += charge - used
        self.full_at += used - charge
        return used

    def idle(self, now: float) -> bool:
        """Whether it is as good as new."""
        return self.full_at <= int(now * SECOND)


def moment(nanoseconds: int) -> float:
    """The earliest float that is not before it, so that a clock which shows it is late enough."""
    seconds = nanoseconds / SECOND
    while int(seconds * SECOND) < nanoseconds:
        seconds = nextafter(seconds, inf)
    return seconds
