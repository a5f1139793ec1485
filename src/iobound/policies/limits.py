"""From what a user asks for to gates, in the order in which everybody asks them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from types import NoneType
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from iobound.policies.permits import Permits
from iobound.policies.queue import PerKey, Queue
from iobound.policies.rate import MOST, Bucket, Rate
from iobound.words.attempt import Attempt
from iobound.words.checks import check_number
from iobound.words.errors import hinted

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable


class Limited(Protocol):
    """Whoever has limits that runs can share: a `Limiter`."""

    @property
    def limits(self) -> Limits:
        """Its gates, and what items cost there."""


Cost = Callable[[Any], float]
SOUND = frozenset({str, int, bytes, NoneType})
"""Types of keys that can always be found again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Gates, and what the items cost there. Those of one key come before those of all: see `Admission`."""

    keyed: tuple[PerKey, ...] = ()
    common: tuple[Queue, ...] = ()
    costs: Mapping[str, Cost] = field(default_factory=dict)
    """Functions of an item, by the unit that they count."""
    rates: tuple[Rate, ...] = ()
    """Those that the gates keep."""
    counts: bool = False
    """A concurrency is among them: who is inside matters to those who wait."""

    @property
    def gates(self) -> tuple[PerKey | Queue, ...]:
        """All, in the order that everybody who shares them keeps: as they were made."""
        return (*self.keyed, *self.common)

    def and_those_of(self, others: Iterable[Limits]) -> Limits:
        """These and others; shared ones once."""
        every = (self, *others)
        keyed = {gate.number: gate for each in every for gate in each.keyed}
        common = {gate.number: gate for each in every for gate in each.common}
        costs: dict[str, Cost] = {}
        for each in every:
            for unit, cost in each.costs.items():
                if costs.setdefault(unit, cost) is not cost:
                    raise hinted(ValueError(f"two rates count {unit}, each by a cost of its own"), "give them units")
        return Limits(
            tuple(keyed[number] for number in sorted(keyed)),
            tuple(common[number] for number in sorted(common)),
            costs,
            tuple(rate for each in every for rate in each.rates),
            any(each.counts for each in every),
        )

    def check_cost(self, cost: Any) -> None:
        """Refuse a cost that nothing here would ask for, or that nothing could ever pass with; None is none."""
        if cost is None:
            return
        if isinstance(cost, Mapping):
            units = {rate.unit for rate in self.rates}
            unknown = sorted({*cost} - units, key=str)
            if unknown:
                error = ValueError(f"cost= has {unknown[0]!r}, and no rate here counts that")
                raise hinted(error, f"what is counted here: {', '.join(sorted(units)) or 'nothing'}")
            return
        taking = [rate for rate in self.rates if rate.cost is None and rate.unit not in self.costs]
        if not taking:
            error = ValueError("cost= would change nothing: no rate here takes it")
            raise hinted(error, "it is for rates without a cost of their own, such as rate='100/s'")
        if not callable(cost):
            check_number("cost", cost, "a number of at least 0, or a function of an item", most=MOST)
            for rate in taking:
                rate.check(cost)

    def attempt(self, key: Hashable, cost: Any, costs: Mapping[str, float]) -> Attempt:
        """What the gates are asked to admit, outside a run."""
        attempt = Attempt()
        attempt.key = key
        if type(key) not in SOUND:
            check_key(key)
        attempt.costs = costs
        if cost is not None and isinstance(cost, Mapping):
            attempt.costs = {**costs, **cost}
        elif cost is not None:
            attempt.cost = cost
        for unit in self.costs:
            if unit not in attempt.costs:
                error = ValueError(f"the cost in {unit} is a function of an item, and there is none here")
                raise hinted(error, f"limiter(cost={{{unit!r}: ...}}) tells the number")
        return attempt


def limits(
    rate: Any = None,
    *,
    concurrency: int | None = None,
    key_rate: Any = None,
    key_concurrency: int | None = None,
    own: bool = False,
) -> Limits:
    """The gates that these make: rates as text, as `Rate`, as whoever has `limits` (a `Limiter`), or a list of them.

    `own`: they are for one run alone, those of a `Limiter` apart.
    """
    told = _several("rate", rate)
    rates = [Rate.of(each) for each in told if isinstance(each, type) or not hasattr(each, "limits")]
    key_rates = [Rate.of(each) for each in _several("key_rate", key_rate)]
    keyed = [PerKey(partial(Bucket, each), f"rate {each} per key", next(_numbers)) for each in key_rates]
    common = [numbered(Queue(Bucket(each), f"rate {each}")) for each in rates]
    if key_concurrency is not None:
        named = f"concurrency {key_concurrency} per key"
        keyed.append(PerKey(partial(Permits, key_concurrency), named, next(_numbers)))
    if concurrency is not None:
        common.append(numbered(Queue(Permits(concurrency), f"concurrency {concurrency}")))
    for made in keyed:
        made.own = own
    for gate in common:
        gate.own = own
    costs = _costs((*key_rates, *rates))
    counts = concurrency is not None or key_concurrency is not None
    these = Limits(tuple(keyed), tuple(common), costs, (*key_rates, *rates), counts)
    return these.and_those_of(each.limits for each in told if hasattr(each, "limits"))


def _costs(rates: Iterable[Rate]) -> dict[str, Cost]:
    """The functions of an item, by the unit that they count."""
    told: dict[str, Any] = {}
    for rate in rates:
        if rate.cost is not None and told.setdefault(rate.unit, rate.cost) != rate.cost:
            error = ValueError(f"two rates count {rate.unit}, each by a cost of its own")
            raise hinted(error, "rates of one unit share one cost: give them units, as in Rate(..., unit='tokens')")
    return {unit: cost for unit, cost in told.items() if callable(cost)}


def _several(name: str, told: Any) -> list[Any]:
    """One, or a list of them; None is none."""
    several = [] if told is None else list(told) if isinstance(told, list | tuple) else [told]
    if told is not None and not several:
        raise hinted(ValueError(f"{name}={told!r} limits nothing"), "leave it out, or write it as '100/s'")
    return several


_numbers = count()


def numbered(gate: Queue) -> Queue:
    """With its place in the order in which everybody asks gates."""
    gate.number = next(_numbers)
    return gate


def check_key(key: Hashable) -> None:
    """Refuse one that cannot be found again: of NaN, each item would have limits of its own."""
    try:
        hash(key)
    except TypeError as error:
        hinted(error, "key= takes what can be looked up, such as text, numbers, and tuples of them")
        raise
    if key != key:  # noqa: PLR0124 - that is the question
        raise hinted(ValueError(f"the key {key!r} is not equal to itself"), "give what has no key None, or a name")


def preparation(
    key: Callable[[Any], Hashable] | None, cost: Cost | None, costs: Mapping[str, Cost]
) -> Callable[[Attempt], None] | None:
    """What sets key and costs of an attempt by calling the user's functions, where the source is fed; None: nothing."""
    if key is None and cost is None and not costs:
        return None

    def prepare(attempt: Attempt) -> None:
        item = attempt.item
        if key is not None:
            attempt.key = told = key(item)
            if type(told) not in SOUND:
                check_key(told)
        if cost is not None:
            attempt.cost = cost(item)
        if costs:
            attempt.costs = {unit: each(item) for unit, each in costs.items()}

    return prepare


def host_of(item: Any) -> str:
    """`key="host"`: the host of a URL, and its port if one is named, so that each server has limits of its own.

    Args:
        item: a URL as text, or an object with a `url`, such as a request.

    Raises:
        ValueError: it names no host.

    Example:
        >>> from iobound.policies import host_of
        >>> host_of("https://user@Example.org:8080/page")
        'example.org:8080'
    """
    url = item if isinstance(item, str) else getattr(item, "url", item)
    host = urlsplit(str(url)).netloc.rpartition("@")[2].lower()
    if not host:
        raise hinted(
            ValueError(f"{str(url)[:80]!r} names no host"), "key='host' needs URLs such as https://example.org/"
        )
    return host
