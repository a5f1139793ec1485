"""Interleaved, shuffled rounds of trials, until the figures are narrow enough or the budget is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iobound.advisor.search import knee
from iobound.advisor.statistics import TIGHT, judge, ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from iobound.advisor.measured import Trial
    from iobound.words.findings import Candidate, Interval

LOOKS = (7, 11, 15, 20, 25)
"""Numbers of rounds after which it is asked whether they are enough: who asks after each would stop at a lucky one."""
OBVIOUS = 1.5
"""A ratio that is certainly larger needs no narrow interval to be called clear, only one that is not absurd."""


def play(
    finalists: Sequence[Candidate],
    measure: Callable[[Candidate, int], Trial | None],
    rng: Random,
    time_for: Callable[[float], bool],
) -> dict[Candidate, list[Trial]]:
    """The trials of every finalist, one of each in every round; a round that found no time for all does not count.

    Args:
        finalists: the base first.
        measure: makes a trial of a candidate, in the round of that number; None when the time is over.
        rng: shuffles the order within each round, so that drift and warm caches favour nobody.
        time_for: whether there is still time for something that takes so many seconds.
    """
    trials: dict[Candidate, list[Trial]] = {candidate: [] for candidate in finalists}
    for played in range(1, LOOKS[-1] + 1):
        made: dict[Candidate, Trial] = {}
        for candidate in rng.sample(list(finalists), len(finalists)):
            trial = measure(candidate, played)
            if trial is None:
                return trials
            made[candidate] = trial
        for candidate, trial in made.items():
            trials[candidate].append(trial)
        took = sum(trial.seconds for trial in made.values())
        if (played in LOOKS and settled(trials, finalists[0])) or not time_for(took):
            break
    return trials


def settled(trials: dict[Candidate, list[Trial]], base: Candidate) -> bool:
    """Whether more rounds would say nothing that matters."""
    if len(trials) < 2:  # noqa: PLR2004 - nothing to compare
        return True
    found = versus(trials, challenger(trials, base), base)
    if not found.high:  # nothing ever succeeded there
        return True
    if judge(found, len(trials[base])) == "inconclusive":
        return False
    sided = found if found.middle >= 1 else found.inverse()
    return found.width <= TIGHT or (sided.low > OBVIOUS and found.width < OBVIOUS)


def challenger(trials: dict[Candidate, list[Trial]], base: Candidate) -> Candidate:
    """Of the candidates that are not the base, the one at the knee of their medians."""
    from statistics import median  # noqa: PLC0415 - slow to import, and used where time is not measured

    rates = {each: median(trial.rate for trial in made) for each, made in trials.items() if each != base}
    best = knee({each.concurrency: rate for each, rate in rates.items()})
    return next(each for each in rates if each.concurrency == best)


def versus(trials: dict[Candidate, list[Trial]], one: Candidate, other: Candidate) -> Interval:
    """One candidate's throughput as a multiple of the other's."""
    return ratio([trial.rate for trial in trials[one]], [trial.rate for trial in trials[other]])
