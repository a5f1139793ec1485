"""Who competes: hand-written loops, iobound and its peers, each a function of (fn, source, spec).

Each returns an iterable or an async iterable of results. Peers are imported when they are called: where one
is not installed, the others still run.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from typing import Any

import hand

PEERS = ("aiometer", "pyarallel", "streamable")
UNORDERED = ("aiometer", "as_completed", "two_runs")
ENDLESS = 1e9
"""Units a second, and at once, that no program uses up."""


@dataclass(frozen=True)
class Spec:
    """One program, its work and its source. The parent sends it, the child runs it."""

    program: str
    work: str
    items: int
    limit: int
    ordered: bool = True
    consumer: str = "sync"
    source: str = "list"
    model: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    """Further keywords of `iobound.map`; some stand for what JSON cannot carry: see `keywords`."""
    folder: str = ""
    hang_at: int = -1


def by_hand(fn: Any, source: Any, spec: Spec) -> Any:
    """Run the frozen worker loops, with the windows that iobound has by default."""
    window = max(8 * spec.limit, 256) if spec.ordered else 2 * spec.limit
    loop = hand.hand_async if iscoroutinefunction(fn) else hand.hand_threads
    return loop(fn, source, spec.limit, window, spec.ordered)


class CountingHook:
    """The smallest useful observer: it counts what settled."""

    def __init__(self) -> None:
        self.count = 0

    def settled(self, _attempt: object) -> None:
        """Count one attempt."""
        self.count += 1


def keywords(told: dict[str, Any]) -> dict[str, Any]:
    """The keywords of `iobound.map` for `hook`, `rates` and `key_rates` (how many, holding nothing up), `keys`."""
    from iobound import Rate

    options = dict(told)
    if options.pop("hook", False):
        options["hooks"] = [CountingHook()]
    if rates := options.pop("rates", 0):
        options["rate"] = [Rate(ENDLESS, burst=ENDLESS, unit=f"unit{number}") for number in range(rates)]
    if options.pop("key_rates", 0):
        options["key_rate"] = Rate(ENDLESS, burst=ENDLESS)
    if keys := options.pop("keys", 0):
        options["key"] = lambda item: item % keys
    return options


def by_iobound(fn: Any, source: Any, spec: Spec) -> Any:
    """Run `iobound.map`."""
    import iobound

    options = keywords(spec.options)
    if options.pop("adaptive", False):
        options["concurrency"] = iobound.AdaptiveLimit(initial=spec.limit, min=spec.limit, max=spec.limit)
    elif spec.model not in ("serial", "auto"):
        options["concurrency"] = spec.limit
    return iobound.map(fn, source, model=spec.model, ordered=spec.ordered, **options)


def by_two_runs(fn: Any, source: Iterable[Any], spec: Spec) -> Iterator[Any]:
    """Two runs, each in a thread of its own, on the models that are named, pass the same rate."""
    import iobound

    items, limiter = list(source), iobound.Limiter(iobound.Rate(spec.options["limit"]))
    halves = [items[half::2] for half in range(2)]

    async def call(item: Any) -> Any:
        return fn(item)

    async def gathered(half: list[Any]) -> list[Any]:
        return [value async for value in iobound.map(call, half, rate=limiter)]

    def run(half: list[Any], model: str) -> list[Any]:
        if model == "asyncio":
            return asyncio.run(gathered(half))
        return list(iobound.map(fn, half, rate=limiter, model="threads", concurrency=spec.limit))

    with ThreadPoolExecutor(2) as pool:
        for values in pool.map(run, halves, spec.options["models"]):
            yield from values


async def by_gather(fn: Any, source: Iterable[Any], spec: Spec) -> AsyncIterator[Any]:
    """Create a task for every item, all at once, behind a semaphore."""
    semaphore = asyncio.Semaphore(spec.limit)

    async def bounded(item: Any) -> Any:
        async with semaphore:
            return await fn(item)

    for value in await asyncio.gather(*map(bounded, source)):
        yield value


async def by_aiometer(fn: Any, source: Any, spec: Spec) -> AsyncIterator[Any]:
    """Stream through aiometer, as completed: it has no ordered stream."""
    import aiometer

    async with aiometer.amap(fn, source, max_at_once=spec.limit) as values:
        async for value in values:
            yield value


def by_streamable(fn: Any, source: Any, spec: Spec) -> Any:
    """Stream through streamable, on threads or on the loop, whichever `fn` needs."""
    from streamable import stream

    return stream(source).map(fn, concurrency=spec.limit, as_completed=not spec.ordered)


def by_executor_map(fn: Any, source: Any, spec: Spec) -> Iterator[Any]:
    """Use `ThreadPoolExecutor.map`, always ordered."""
    with ThreadPoolExecutor(spec.limit) as pool:
        yield from pool.map(fn, source)


def by_as_completed(fn: Any, source: Any, spec: Spec) -> Iterator[Any]:
    """Submit everything to a `ThreadPoolExecutor`, and take futures as they complete."""
    with ThreadPoolExecutor(spec.limit) as pool:
        for future in as_completed([pool.submit(fn, item) for item in source]):
            yield future.result()


def by_pyarallel(fn: Any, source: Any, spec: Spec) -> Iterator[Any]:
    """Stream through pyarallel."""
    from pyarallel import parallel_iter

    for result in parallel_iter(fn, source, workers=spec.limit, ordered=spec.ordered):
        yield result.value


def one_by_one(fn: Any, source: Any, _spec: Spec) -> Iterator[Any]:
    """Call `fn` in a plain sequential loop."""
    return map(fn, source)


CONTESTANTS: dict[str, Callable[[Any, Any, Spec], Any]] = {
    "hand": by_hand,
    "iobound": by_iobound,
    "two_runs": by_two_runs,
    "gather": by_gather,
    "aiometer": by_aiometer,
    "streamable": by_streamable,
    "executor_map": by_executor_map,
    "as_completed": by_as_completed,
    "pyarallel": by_pyarallel,
    "sequential": one_by_one,
}
