"""Measurements as they might have been: every word of an advice comes from figures such as these."""

from __future__ import annotations

from dataclasses import replace

from iobound.advisor.measured import Measured, Trial
from iobound.words.findings import Candidate, Drawn, Interval, Split

SERIAL = Candidate("serial", 1)
WAITING = Split(80, wall=0.041, cpu=0.003, gil=Interval(0.0014, 0.00145, 0.0015))
COMPUTING = Split(80, wall=0.001, cpu=0.00099, gil=Interval(0.00095, 0.00097, 0.00099))
BLOCKING = Split(80, wall=0.005, cpu=5e-5, gil=Interval(0.0, 1e-5, 2e-5), blocking=0.00495)


def trial(rate, *, latency=0.041, cores=0.1, failed=0, startup=0.001, memory=0, seconds=0.1, failure=""):
    return Trial(rate, latency, 2 * latency, startup, memory, cores, 100, failed, seconds, failure)


def threads(concurrency):
    return Candidate("threads", concurrency)


def measured(rates, **more):
    """`rates`: for each candidate its trials, as rates or whole; the first is the base. The curve is of the medians."""
    trials = {
        candidate: [each if isinstance(each, Trial) else trial(each) for each in several]
        for candidate, several in rates.items()
    }
    base = next(iter(trials))
    facts = {
        "name": "thumb",
        "is_async": base.model == "asyncio",
        "base": base,
        "trials": trials,
        "curve": [(candidate, several[0]) for candidate, several in trials.items()],
        "split": WAITING,
        "drawn": Drawn(used=40, of=10_000, seed=7, calls=4_000, failed=0),
        "most": 256,
        "seconds": 20.0,
        "budget": 60.0,
        "cores": 2.0,
        "gil": True,
        "machine": "CPython 3.11 with the GIL, Linux, 2 of 2 processors",
        "others": 0.0,
    }
    return replace(Measured(**facts), **more)


def around(rate, rounds=9, spread=0.01):
    """Trials that differ a little, by a fixed pattern."""
    return [rate * (1 + spread * ((at * 7) % 5 - 2) / 2) for at in range(rounds)]
