"""From what was measured to the recommendation. Pure: the same figures give the same words."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from iobound.advisor import because
from iobound.advisor.advice import Advice
from iobound.advisor.ceilings import with_note
from iobound.advisor.measured import SIMPLEST_FIRST
from iobound.advisor.rounds import versus
from iobound.advisor.search import knee
from iobound.advisor.statistics import LEAST, interval, judge
from iobound.words.findings import Candidate, Interval, Row

if TYPE_CHECKING:
    from iobound.advisor.measured import Measured
    from iobound.words.findings import Verdict

WEAKEST_FIRST: tuple[Verdict, ...] = ("inconclusive", "too close to call", "slight", "clear")


def recommend(measured: Measured) -> Advice:
    """Judge the finalists, and say which to take, why, and what would change it."""
    rows = table(measured)
    by = {row.candidate: row for row in rows}
    leader, rival, verdict, ratio = decided(measured)
    chosen = simplest(measured, leader) if verdict == "too close to call" else leader
    dead = tuple(by[each] for each in contenders(measured) if each not in living(measured))
    told = because.Told(measured, rows, by[leader], by[rival], by[chosen], verdict, ratio, dead)
    return Advice(
        name=measured.name,
        is_async=measured.is_async,
        verdict=verdict,
        model=chosen.model,
        concurrency=chosen.concurrency,
        ratio=ratio,
        compared=(leader, rival),
        reasons=tuple(because.reasons(told)),
        would_change=tuple(because.changes(told)),
        not_measured=tuple(because.not_measured(told)),
        excluded=tuple(because.excluded(told)),
        warnings=tuple(because.warnings(told)),
        use=use(measured, chosen),
        rows=rows,
        split=measured.split,
        curve=tuple((candidate, trial.rate) for candidate, trial in measured.curve),
        in_flight=by[leader].rate.middle * measured.split.wall,
        drawn=measured.drawn,
        rounds=measured.rounds,
        seconds=measured.seconds,
        budget=measured.budget,
        machine=measured.machine,
    )


def contenders(measured: Measured) -> list[Candidate]:
    """The base, and every other model at the knee of its finalists."""
    best: dict[str, dict[int, float]] = {}
    for each, trials in measured.trials.items():
        if each != measured.base:
            best.setdefault(each.model, {})[each.concurrency] = median(trial.rate for trial in trials)
    return [measured.base, *(Candidate(model, knee(rates)) for model, rates in best.items())]


def living(measured: Measured) -> list[Candidate]:
    """The contenders with which calls succeed: where all of them fail there is no throughput to compare."""
    fine = [each for each in contenders(measured) if any(trial.failed < trial.calls for trial in measured.trials[each])]
    return fine or [measured.base]


def decided(measured: Measured) -> tuple[Candidate, Candidate, Verdict, Interval]:
    """The fastest contender, the one it is least certain to beat, the verdict on these two, and their ratio."""
    all_of_them = living(measured)
    leader = max(all_of_them, key=lambda each: median(trial.rate for trial in measured.trials[each]))
    others = [each for each in all_of_them if each != leader]
    if not others:  # the others fail, or there was no time for any
        sure = len(contenders(measured)) > 1 and measured.rounds >= LEAST
        return leader, leader, "clear" if sure else "inconclusive", Interval(1.0, 1.0, 1.0)
    found = [(each, versus(measured.trials, leader, each)) for each in others]
    judged = [(judge(ratio, measured.rounds), each, ratio) for each, ratio in found]
    verdict, rival, ratio = min(judged, key=lambda each: WEAKEST_FIRST.index(each[0]))
    return leader, rival, verdict, ratio


def simplest(measured: Measured, leader: Candidate) -> Candidate:
    """Of the leader and those that are too close to it to call, the simplest."""
    equal = [
        each
        for each in living(measured)
        if each == leader or judge(versus(measured.trials, leader, each), measured.rounds) == "too close to call"
    ]
    return min(equal, key=lambda each: (SIMPLEST_FIRST.index(each.model), each.concurrency))


def table(measured: Measured) -> tuple[Row, ...]:
    """The finalists, the fastest first."""
    rows = [_row(measured, candidate) for candidate in measured.trials]
    return tuple(sorted(rows, key=lambda row: -row.rate.middle))


def _row(measured: Measured, candidate: Candidate) -> Row:
    trials = measured.trials[candidate]
    first = [trial for each, trial in measured.curve if each == candidate]  # what grows, grows the first time
    grown = [trial.memory for trial in (*first, *trials) if trial.memory is not None]
    row = Row(
        candidate=candidate,
        rate=interval([trial.rate for trial in trials]),
        versus=versus(measured.trials, candidate, measured.base),
        latency=median(trial.latency for trial in trials),
        p99=median(trial.p99 for trial in trials),
        memory=max(grown) if grown else None,
        startup=median(trial.startup for trial in trials),
        cores=median(trial.cores for trial in trials),
        calls=sum(trial.calls for trial in trials),
        failed=sum(trial.failed for trial in trials),
        trials=tuple(trial.rate for trial in trials),
        failure=next((trial.failure for trial in trials if trial.failure), ""),
    )
    return with_note(row, measured)


def use(measured: Measured, chosen: Candidate) -> str:
    """The line to use, in Python."""
    name = measured.name.rpartition("<locals>.")[2]
    name = name if name.replace(".", "").isidentifier() else "fn"
    number = "" if chosen.model == "serial" else f", concurrency={chosen.concurrency}"
    return f'iobound.map({name}, items, model="{chosen.model}"{number})'
