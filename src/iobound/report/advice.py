"""An advice as lines for people, and as facts for programs."""

from __future__ import annotations

from dataclasses import asdict
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from iobound.report.table import NOTHING, table
from iobound.words.spans import figure, span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iobound.words.findings import Findings, Row, Split

MIB = 1 << 20
INDENT = "    "
WIDTH = 116
"""Letters of a line, the table apart."""
NOTICED = 0.1
"""The share of a call that blocks its loop from which on it is told."""
CODE = "Use it"
"""The paragraph whose lines are copied, and so never broken."""


def lines(advice: Findings) -> list[str]:
    """What a person reads."""
    told = [headline(advice)]
    told += ["  " + line for line in table(head(advice), [cells(row) for row in advice.rows])]
    told.append(recommendation(advice))
    for title, texts in paragraphs(advice):
        told += _listed(title, texts)
    return told


def headline(advice: Findings) -> str:
    """The function, and where the time of a call goes."""
    return f"{advice.name}: {'async' if advice.is_async else 'plain'}, {parts(advice.split)}"


def parts(split: Split) -> str:
    """Where the time of a call goes, in one sentence."""
    share = split.waiting / split.wall if split.wall else 0.0
    waiting = f"{span(split.waiting)} waiting ({share:.0%}"
    if split.blocking >= NOTICED * split.wall > 0:
        waiting += f", {split.blocking / split.wall:.0%} without await"
    told = f"{span(split.wall)} per call, {waiting}), {span(split.cpu)} CPU"
    if split.gil is None:
        return told
    error = (split.gil.high - split.gil.low) / 2
    return f"{told}, of which {span(split.gil.middle)} (+- {span(error)}) holding the GIL"


def recommendation(advice: Findings) -> str:
    """What to take, and how sure that is."""
    number = "" if advice.model == "serial" else f", concurrency {advice.concurrency}"
    return f"Recommendation: {advice.model}{number} ({advice.verdict})"


def paragraphs(advice: Findings) -> Iterator[tuple[str, Sequence[str]]]:
    """The rest, each with its title."""
    yield "Why", advice.reasons
    yield "What would change it", advice.would_change
    yield "Excluded", advice.excluded
    yield "Not measured", advice.not_measured
    yield "How", (how(advice), advice.machine)
    for text, remedy in advice.warnings:
        yield "Warning", (f"{text}; {remedy}",)
    yield CODE, (advice.use,)


def how(advice: Findings) -> str:
    """How it was measured."""
    drawn, count = advice.drawn, len(advice.rows)
    rounds = f"{advice.rounds} interleaved, shuffled rounds" if advice.rounds > 1 else "one round"
    return (
        f"{rounds} of {count} candidate{'s' * (count > 1)} in {span(advice.seconds)} "
        f"(budget {span(advice.budget)}); {drawn.used} items, seed {drawn.seed}, {drawn.calls:,} calls; medians, "
        "95% bootstrap intervals over the trials"
    )


def head(advice: Findings) -> list[str]:
    """The names of the columns."""
    base = "serial" if any(row.candidate.model == "serial" for row in advice.rows) else "one"
    return ["model", "c", "items/s", "95% interval", f"vs {base}", "p99", "RSS", "start-up", "note"]


def cells(row: Row) -> list[str]:
    """The figures of a candidate."""
    memory = NOTHING if row.memory is None else f"+{row.memory / MIB:.1f} MiB"
    return [
        row.candidate.model,
        str(row.candidate.concurrency),
        figure(row.rate.middle),
        f"{figure(row.rate.low)}..{figure(row.rate.high)}",
        f"{row.versus.middle:.2f}x" if row.versus.middle < 10 else f"{row.versus.middle:.1f}x",  # noqa: PLR2004
        span(row.p99),
        memory,
        span(row.startup),
        row.note,
    ]


def facts(advice: Findings) -> dict[str, Any]:
    """All of it, for programs. Times are in seconds, sizes in bytes, rates in items per second."""
    return asdict(advice) | {
        "recommended": {"model": advice.model, "concurrency": advice.concurrency},
        "warnings": [{"warning": text, "hint": remedy} for text, remedy in advice.warnings],
        "curve": [{**asdict(candidate), "rate": rate} for candidate, rate in advice.curve],
    }


def _listed(title: str, texts: Sequence[str]) -> list[str]:
    """A paragraph: the first text beside its title, the others below it."""
    if not texts:
        return []
    told = [f"  {title}: {texts[0]}", *(f"{INDENT}{text}" for text in texts[1:])]
    if title == CODE:
        return told
    return [line for text in told for line in wrap(text, WIDTH, drop_whitespace=True, subsequent_indent=INDENT + "  ")]
