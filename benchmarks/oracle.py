"""The oracle of `regret.py`: which (model, concurrency) is best, found by search; and the figures about regret."""

import random
from collections.abc import Callable, Mapping, Sequence
from statistics import geometric_mean, median
from typing import NamedTuple

from bars import CONFIDENCE, RESAMPLES, Bar, Interval, judge

CEILING = 256
"""The most concurrency tried, which is that of the adaptive limit too."""
FINALISTS = 2


class Candidate(NamedTuple):
    """A model with its concurrency."""

    model: str
    concurrency: int

    def __str__(self) -> str:
        return self.model if self.model == "serial" else f"{self.model} {self.concurrency}"


Found = list[tuple[Candidate, float]]
"""Candidates with their goodput, the best first."""


def candidates(asynchronous: bool) -> list[Candidate]:
    """The models of this process, and the powers of two."""
    powers = [1 << power for power in range(CEILING.bit_length())]
    if asynchronous:
        return [Candidate("asyncio", power) for power in powers]
    return [Candidate("serial", 1), *(Candidate("threads", power) for power in powers)]


def candidate(text: str) -> Candidate:
    """A candidate as its name says it: "threads 32"."""
    model, _, concurrency = text.partition(" ")
    return Candidate(model, int(concurrency or 1))


def halve(field: Sequence[Candidate], trial: Callable[[Candidate, float], float], seconds: float) -> Found:
    """The two best by successive halving: all get a short trial, the better half one twice as long, and so on.

    Source: Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016.
    """
    while True:
        found = [(each, trial(each, seconds)) for each in field]
        found.sort(key=lambda pair: -pair[1])  # stable: of equals the one with less concurrency
        if len(field) <= FINALISTS + 1:
            return found[:FINALISTS]
        field = [each for each, _ in found[: max(FINALISTS, -(-len(field) // 2))]]
        seconds *= 2


def together(halves: Sequence[float]) -> float:
    """The goodput of work whose halves have these: the harmonic mean."""
    return len(halves) / sum(1 / each for each in halves) if all(halves) else 0.0


def best_of(samples: Mapping[str, Sequence[float]]) -> str:
    """The program with the highest median: chosen once, for choosing in every round would favour it by luck."""
    return max(samples, key=lambda name: median(samples[name]))


def resampled(ratios: Sequence[Sequence[float]], figure: Callable[[Sequence[float]], float]) -> Interval:
    """A figure of the workloads' median ratios, with its 90 % bootstrap interval over the rounds of each. Seeded."""
    draw = random.Random(1)
    figures = sorted(figure([median(draw.choices(each, k=len(each))) for each in ratios]) for _ in range(RESAMPLES))
    tail = round(RESAMPLES * (1 - CONFIDENCE) / 2)
    return Interval(figure([median(each) for each in ratios]), figures[tail], figures[-tail - 1])


FIGURES: dict[str, Callable[[Sequence[float]], float]] = {"geometric mean": geometric_mean, "worst": min}
PARTS = {"whole": "whole run", "second": "second half"}
BARS = {
    ("whole", "geometric mean"): 0.90,
    ("whole", "worst"): 0.75,
    ("second", "geometric mean"): 0.92,
    ("second", "worst"): 0.80,
}
"""What the defaults are held to: at least this share of the oracle's goodput."""


def verdicts(ratios: Mapping[str, Sequence[Sequence[float]]]) -> list[tuple[str, float, Interval, str]]:
    """Every bar: in words, its limit, what was measured, and the verdict."""
    lines = []
    for (part, name), limit in BARS.items():
        found = resampled(ratios[part], FIGURES[name])
        verdict = judge(found, Bar("auto", part, limit, at_least=True))
        lines.append((f"{PARTS[part]}, {name}", limit, found, verdict))
    return lines
