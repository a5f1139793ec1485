"""Which concurrency: doubling until throughput no longer rises, and the smallest that is as good as the best. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iobound.words.findings import Candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iobound.advisor.measured import Trial

KNEE = 0.05
"""The smallest concurrency within this share of the best throughput is the knee."""
RISE = 0.2
"""What a doubling must bring to be told from the noise of single trials."""
FLAT = 2
"""So many doublings in a row that bring nothing end the search."""
SPOILED = 0.05
"""A share of failures that is larger by this than that of one call at a time: the other side refuses so many calls."""


def doubled(
    model: str, most: int, base: tuple[Candidate, Trial], measure: Callable[[Candidate, float], Trial | None]
) -> list[tuple[Candidate, Trial]]:
    """Trials at 2, 4, 8 and so on, up to `most`, as long as they bring something; the base is the first of the list.

    A trial that shows no rise is made again, and the better one counts: one disturbed trial must not end the search.

    Args:
        model: what runs the function.
        most: the largest concurrency.
        base: one call at a time, and its trial.
        measure: makes a trial, with what throughput to expect; None when the time is over.
    """
    curve, flat, concurrency = [base], 0, 1
    while flat < FLAT and concurrency < most:
        concurrency = min(2 * concurrency, most)
        candidate, best = Candidate(model, concurrency), max(trial.rate for _, trial in curve)
        trial = measure(candidate, 2 * curve[-1][1].rate)
        if trial is not None and trial.rate < best * (1 + RISE):
            trial = max(trial, measure(candidate, trial.rate) or trial, key=lambda each: each.rate)
        if trial is None:
            break
        flat = 0 if trial.rate >= best * (1 + RISE) else flat + 1
        curve.append((candidate, trial))
        if spoiled(trial, base[1]):
            break
    return curve


def spoiled(trial: Trial, base: Trial) -> bool:
    """Whether calls fail that do not fail alone."""
    return trial.failed / max(1, trial.calls) > base.failed / max(1, base.calls) + SPOILED


def knee(rates: Mapping[int, float], within: float = KNEE) -> int:
    """The smallest concurrency whose throughput is within 5 % (or so) of the best.

    Example:
        >>> knee({1: 24.4, 8: 190, 16: 380, 32: 610, 64: 622})
        32
    """
    best = max(rates.values())
    return min(concurrency for concurrency, rate in rates.items() if rate >= best * (1 - within))


def finalists(curve: list[tuple[Candidate, Trial]], most: int) -> list[Candidate]:
    """The base, and on the other model the knee of the search, roughly, and its neighbours; the last can be spared."""
    base, model = curve[0][0], curve[-1][0].model
    best = knee({candidate.concurrency: trial.rate for candidate, trial in curve}, within=RISE)
    around = [max(2, best), 2 * best, best // 2]
    chosen = dict.fromkeys(each for each in around if 2 <= each <= most)  # noqa: PLR2004 - one is the base
    return [base, *(Candidate(model, each) for each in chosen)] if len(curve) > 1 else [base]
