"""The words of an advice: why, what would change it, what was left out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from iobound.advisor.ceilings import busy, ceiling, surely_held
from iobound.advisor.measured import SERIAL
from iobound.advisor.search import KNEE, RISE, spoiled
from iobound.advisor.statistics import LEAST, drift
from iobound.words.spans import figure, span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iobound.advisor.measured import Measured
    from iobound.words.findings import Interval, Row, Verdict

BRIEF = 100e-6
"""Seconds; to hand a call to a thread and to take its result back costs a few hundredths of it."""
DRIFT, BUSY = 0.1, 0.25
"""Shares from which on it is said that the machine was not at rest."""
QUEUED = 1.5
"""Calls that last this many times as long as one alone wait for each other somewhere."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the words are about."""

    measured: Measured
    rows: tuple[Row, ...]
    leader: Row
    rival: Row
    chosen: Row
    verdict: Verdict
    ratio: Interval
    dead: tuple[Row, ...] = ()
    """Those that were not compared: all calls fail there."""

    @property
    def alone(self) -> bool:
        """There was nothing to compare it with."""
        return self.leader is self.rival


# --- why ---


def reasons(told: Told) -> Iterator[str]:
    """Why this and nothing else."""
    yield _comparison(told)
    if told.chosen is not told.leader:
        yield f"{told.chosen.candidate} is the simpler of the two"
    yield _nature(told)
    number = told.chosen.candidate.concurrency
    if number > 1:
        rate, wall = told.chosen.rate.middle, told.measured.split.wall
        little = f"{figure(rate)}/s x {span(wall)} = {rate * wall:.3g} calls in flight"
        yield f"{number} is the smallest concurrency within {KNEE:.0%} of the best; Little's law: {little}"


def _comparison(told: Told) -> str:
    if told.alone:
        return _alone(told)
    one, other, ratio = told.leader, told.rival, told.ratio
    figures = f"ratio {_times(ratio.middle)}, 95% interval {_times(ratio.low)}..{_times(ratio.high)}"
    speeds = f"{figure(one.rate.middle)}/s against {figure(other.rate.middle)}/s"
    if told.verdict == "too close to call":
        return f"{one.candidate} and {other.candidate} are too close to call: {speeds} ({figures})"
    if told.verdict == "inconclusive":
        few = f" after {told.measured.rounds} of at least {LEAST} rounds" * (told.measured.rounds < LEAST)
        return f"{one.candidate} looks faster than {other.candidate}, which is not certain{few}: {speeds} ({figures})"
    word = "clearly" if told.verdict == "clear" else "slightly"
    return f"{one.candidate} is {word} faster than {other.candidate}: {speeds} ({figures})"


def _alone(told: Told) -> str:
    """Why it was compared with nothing."""
    if told.dead:
        failed = "; ".join(f"{row.candidate}: all {row.calls:,} calls failed ({row.failure})" for row in told.dead)
        return f"nothing else works: {failed}"
    if told.measured.most == 1:
        return "one call at a time is the most that max=1 allows: it was compared with nothing"
    return "there was no time to compare it with anything"


def _times(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"  # noqa: PLR2004


def _nature(told: Told) -> str:
    """What the calls do, and what that means."""
    split = told.measured.split
    waiting = split.waiting / split.wall if split.wall else 0.0
    if split.wall < BRIEF:
        return f"a call takes {span(split.wall)}: to share out such brief calls costs about what it gains"
    blocking = split.blocking / split.wall
    if blocking >= 0.5:  # noqa: PLR2004 - most of it
        return (
            f"{blocking:.0%} of a call blocks its event loop: it waits without `await`, and no other can run meanwhile"
        )
    if waiting - blocking >= 0.5:  # noqa: PLR2004
        return f"{waiting - blocking:.0%} of a call is waiting, in which others can run"
    if split.gil is not None and split.gil.middle >= split.cpu / 2:
        return f"{1 - waiting:.0%} of a call is CPU, most of it under the GIL, which one thread holds at a time"
    if split.gil is not None:
        return f"{1 - waiting:.0%} of a call is CPU, most of it without the GIL: threads can use several processors"
    return f"{1 - waiting:.0%} of a call is CPU"


# --- what would change it ---


def changes(told: Told) -> Iterator[str]:
    """What else would have to be true."""
    measured, split = told.measured, told.measured.split
    if told.alone and measured.most == 1:
        yield "a larger max than 1: then there is something to compare"
    elif told.verdict == "inconclusive":
        yield f"a larger budget: about {span(_enough(told))}; or a quieter machine"
    for row in told.dead:
        yield f"calls that succeed with {row.candidate}, too: then there is something to compare"
    if split.gil is not None and split.gil.middle > 0 and not measured.is_async and _matters(told):
        stop = 1 / split.gil.middle
        yield f"threads stop near {figure(stop)}/s = 1/{span(split.gil.middle)} of GIL per call; processes would not"
    yield from _ceiling(told)
    if told.chosen.candidate.model == SERIAL and _computes(told) and split.wall >= BRIEF:
        yield "calls that wait longer: while one waits, others can run"
    yield from _pays(told)


def _ceiling(told: Told) -> Iterator[str]:
    """What would have to give way for more throughput."""
    measured, split = told.measured, told.measured.split
    bound, (tried, _) = ceiling(told.leader, measured), measured.curve[-1]
    if bound == "cores":
        yield f"more processors ({busy(told.leader, measured)})"
    elif bound == "loop":
        yield f"less CPU per call: one loop stops near {figure(1 / split.cpu)}/s = 1/{span(split.cpu)}"
    elif bound == "blocked":
        yield f"calls that await: one loop stops near {figure(1 / split.kept)}/s = 1/{span(split.kept)} that each keeps"
        yield "as a plain function it would run on threads; or await what blocks through iobound.to_async"
    elif bound:
        return
    elif _flat(told) and split.wall >= BRIEF and not _computes(told):
        most = max(row.rate.middle for row in told.rows)
        yield f"{_bottleneck(told)}: throughput stops rising near {figure(most)}/s, with processors and GIL to spare"
    elif _rising(told) and tried.concurrency >= measured.most:
        yield f"a larger max than {measured.most}: throughput was still rising there"
    elif _rising(told) and not _refused(measured):
        told_of = f"more than {tried.concurrency} calls at a time, which the budget had no time to try"
        yield f"{told_of}: throughput was still rising"


def _matters(told: Told) -> bool:
    """Whether the GIL is near enough to be felt."""
    return surely_held(told.leader, told.measured) >= 0.25  # noqa: PLR2004 - within a factor of four


def _computes(told: Told) -> bool:
    split = told.measured.split
    return split.cpu > split.wall / 2


def _flat(told: Told) -> bool:
    """Whether the search ended because throughput no longer rose."""
    return len(told.measured.curve) > 2 and not _rising(told)  # noqa: PLR2004


def _rising(told: Told) -> bool:
    """Whether throughput rose to the end of the search; where one concurrency was tried nobody knows."""
    *before, (_, last) = told.measured.curve
    return bool(before) and last.rate >= max(trial.rate for _, trial in before) * (1 + RISE)


def _bottleneck(told: Told) -> str:
    """Who it is that cannot do more, if the processors and the GIL could.

    With more calls in flight and no more of them done, each must last longer (Little's law), unless they are not in
    flight: then it is this side that does not start them.
    """
    curve = told.measured.curve
    if curve[-1][1].latency > QUEUED * curve[0][1].latency:
        return "nothing on this side, for the other one, a lock or a rate limit is the bottleneck, and no model helps"
    return "a quieter or faster machine, which starts more calls"


def _refused(measured: Measured) -> list[int]:
    """The concurrencies at which calls failed that do not fail alone."""
    base = measured.curve[0][1]
    return [candidate.concurrency for candidate, trial in measured.curve if spoiled(trial, base)]


def _enough(told: Told) -> float:
    """Seconds that would probably give an answer: twice what it took, or what so many rounds take."""
    measured = told.measured
    seconds = [trial.seconds for trials in measured.trials.values() for trial in trials]
    each = max(2, len(measured.trials)) * sum(seconds) / len(seconds)  # at least two are compared
    return max(2 * measured.budget, measured.seconds + (LEAST + 2) * each)


def _pays(told: Told) -> Iterator[str]:
    """From how many items on the faster way pays for its start."""
    base = next(row for row in told.rows if row.candidate == told.measured.base)
    if told.chosen is base or base.rate.middle <= 0 or told.chosen.rate.middle <= base.rate.middle:
        return
    gain = 1 / base.rate.middle - 1 / told.chosen.rate.middle
    items = max(2, ceil(max(0.0, told.chosen.startup - base.startup) / gain))
    yield f"fewer than {items} items: its start ({span(told.chosen.startup)}) would not pay"


# --- what was left out, and what to mistrust ---


def excluded(told: Told) -> Iterator[str]:
    """What no figure contains."""
    if told.measured.drawn.calls > 1:
        yield "the first call (imports, connections)"
    yield "the start of threads and loops (a column of its own) and the end of each trial, when places are empty"
    yield "garbage collection, which was off during trials"


def not_measured(told: Told) -> Iterator[str]:
    """What the advice knows nothing of."""
    measured, drawn = told.measured, told.measured.drawn
    if drawn.of > drawn.used or not drawn.of:
        others = f"the other {drawn.of - drawn.used:,} items" if drawn.of else "the other items"
        yield f"{others} ({drawn.used} were drawn at random, seed {drawn.seed})"
    if drawn.calls > drawn.used:
        yield "cold caches: every item was called many times"
    yield from _beyond(told)
    if measured.split.gil is None:
        yield f"how much of the CPU time holds the GIL ({measured.split.unknown})"
    if not measured.is_async and measured.split.waiting > measured.split.wall / 2 and measured.split.cpu > 0:
        limit = figure(1 / measured.split.cpu)
        yield f"an async version of it (estimate: at most {limit}/s on one loop, which is 1/its CPU time)"


def _beyond(told: Told) -> Iterator[str]:
    """What more calls at a time would do."""
    measured, (tried, _) = told.measured, told.measured.curve[-1]
    refused = _refused(measured)
    if told.dead:
        return
    if refused:
        yield f"more than {refused[0]} calls at a time: calls began to fail, so the other side refuses them"
    elif _rising(told) and not ceiling(told.leader, measured):
        yield "the limit of the other side: throughput had not stopped rising"
    elif not _flat(told):
        calls = "one call" if tried.concurrency == 1 else f"{tried.concurrency} calls"
        yield f"more than {calls} at a time"


def warnings(told: Told) -> Iterator[tuple[str, str]]:
    """What makes the figures doubtful, each with a remedy."""
    measured, drawn = told.measured, told.measured.drawn
    drifted = drift([trial.rate for trial in measured.trials[measured.base]])
    if drifted > DRIFT:
        yield f"one call at a time drifted by {drifted:.0%} meanwhile", "measure again, with a larger budget"
    if measured.others is not None and measured.others > BUSY * measured.cores:
        told_others = f"other programs kept {measured.others:.1f} of {measured.cores:g} processors busy"
        yield told_others, "stop them and measure again, or read this as advice for a busy machine"
    if drawn.hung:
        hung = f"{drawn.hung} trials ended without a call that did not come back"
        yield hung, "give the function a timeout of its own, as task_timeout is to iobound.map"
    if drawn.failed:
        kinds = "; ".join(drawn.failures)
        yield f"{drawn.failed:,} of {drawn.calls:,} calls failed: {kinds}", "throughput counts those that succeeded"
