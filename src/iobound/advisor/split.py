"""Where the time of a call goes: waiting, CPU holding the GIL, CPU without it."""

from __future__ import annotations

from dataclasses import replace
from statistics import quantiles
from time import perf_counter
from typing import TYPE_CHECKING, Any

from iobound.advisor.bench import without_collector
from iobound.signals.gil import held_by
from iobound.words.findings import Interval, Split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iobound.advisor.bench import Bench
    from iobound.advisor.stopwatch import Meter
    from iobound.signals.gil import Held
    from iobound.signals.machine import Machine

PROBES = 5
PROBE = 0.02
"""Seconds that the function works beside a rival, at least, for each of the probes."""
VAGUE = 0.5
"""Bounds that lie further apart than this share of the CPU time say nothing."""
LITTLE = 50e-6
"""Bounds this close are good enough whatever the CPU time is."""
HANDING = 20e-6
"""Seconds in which the GIL goes from one thread to another, and nobody has it; they may count as held."""


def first_pass(bench: Bench, order: Sequence[Any], least: float, most: float) -> Split:
    """Call the function for every item, one after the other, until it lasted long enough.

    The very first call is left out, if there are more: it pays for imports and connections.
    """
    meter: list[Meter] = []
    begun, repeats = perf_counter(), 1
    with without_collector():
        while True:
            base = bench.base
            bench.run(bench.metered(meter, begun + most), list(order) * repeats, base, begun + most)
            if bench.base != base:  # it is async, which nobody could see
                meter.clear()
                continue
            spent = perf_counter() - begun
            if spent >= min(least, most) or bench.failures.count >= bench.calls:
                break
            repeats = min(1_000, repeats * 4)
    kept = meter[1:] or meter
    if not kept:
        return Split(0, 0.0, 0.0, unknown="no call came back")
    wall, cpu, own = (sum(each) / len(kept) for each in zip(*kept, strict=True))
    cpu = min(cpu, wall)
    return Split(len(kept), wall, cpu, blocking=max(0.0, min(own, wall) - cpu))


def with_gil(bench: Bench, order: Sequence[Any], split: Split, budget: float, machine: Machine) -> Split:
    """The split with the time that the GIL was held, measured within so many seconds; or with why it is not known."""
    unknown = unmeasurable(split, budget, machine)
    if unknown:
        return replace(split, unknown=unknown)
    count = max(1, min(int(budget / PROBES / split.wall), int(PROBE / split.wall) + 1))
    items = [order[at % len(order)] for at in range(count)]
    probes: list[Held] = []
    begun = perf_counter()
    while len(probes) < PROBES and (len(probes) < 2 or perf_counter() - begun < budget):  # noqa: PLR2004 - quartiles
        probes.append(held_by(lambda: bench.run(bench.fn, items, bench.base, perf_counter() + budget)))
    found = bounds(probes, count, split.cpu)
    if vague(found, split.cpu):
        unknown = f"between {found.low / split.cpu:.0%} and {found.high / split.cpu:.0%} of the CPU time"
        return replace(split, unknown=f"other programs want the processors: {unknown}")
    return replace(split, gil=found)


def unmeasurable(split: Split, budget: float, machine: Machine) -> str:
    """Why it cannot be measured here; nothing if it can."""
    if not machine.gil:
        return "this Python has no GIL"
    if machine.allowed_cpus < 2:  # noqa: PLR2004 - one for the function, one for the rival
        return "not measurable here: it takes two processors"
    if not split.calls or 2 * split.wall > budget:
        return "not measured: the calls are too long for the budget"
    return ""


def bounds(probes: Sequence[Held], calls: int, cpu: float) -> Interval:
    """The GIL time per call, from several probes.

    Each gives a lower and an upper bound. The upper quartile of the lower ones and the lower quartile of the upper ones
    are the sharpest that do not hang on one lucky probe. Never more than the CPU time.

    Example:
        >>> from iobound.signals.gil import Held
        >>> bounds([Held(0.0100, 0.0104)] * 5, calls=10, cpu=0.002)
        Interval(low=0.00098, middle=0.00101, high=0.00104)
    """
    low = quantiles([probe.least / calls for probe in probes], n=4, method="inclusive")[2]
    high = quantiles([probe.most / calls for probe in probes], n=4, method="inclusive")[0]
    low, high = sorted((max(0.0, min(low, cpu) - HANDING), min(high, cpu)))
    return Interval(low, (low + high) / 2, high)


def vague(found: Interval, cpu: float) -> bool:
    """Whether the bounds lie too far apart to say anything."""
    return found.high - found.low > max(VAGUE * cpu, LITTLE)
