"""What a run came to, as a few lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iobound.words.spans import span

if TYPE_CHECKING:
    from iobound.report.failures import Failures
    from iobound.report.taken import Taken
    from iobound.words.stats import Durations, Stats

WORTH_SAYING = 0.1
"""The share of the time that must have been lost before it is said what held the run back."""
LONG_ENOUGH = 1.0
"""Seconds that a run must have lasted for such a share to mean anything."""
FULL = 0.8
"""The share of the places that must have been taken, on average, before they are said to have been too few."""
SHOWN = 5
"""Groups of failures in the text; the rest is counted."""


def summary(stats: Stats, taken: Taken) -> list[str]:
    """The lines that end a run: how many, how fast, where the time went, what failed."""
    rate = taken.count / stats.elapsed if stats.elapsed else 0.0
    lines = [
        f"done    {taken.ok:,} ok, {taken.failures.count:,} failed in {span(stats.elapsed)} ({rate:,.1f}/s)",
        f"run     {_percentiles(stats.running)}",
        f"wait    {_percentiles(stats.waiting)}",
    ]
    if stats.chosen:
        lines.append(f"chose   {stats.model}: {stats.chosen}")
    if stats.limited_by and stats.model != "serial":
        lines.append(f"limit   {stats.limit:,} at a time, found by measuring: {stats.limited_by}")
    held = held_back(stats, taken.busy)
    if held:
        lines.append(f"held    {held}")
    if taken.lost(stats):
        lines.append(f"lost    {taken.lost(stats):,} calls went well, and their results were not taken")
    if stats.abandoned:
        lines.append(f"hung    {stats.abandoned:,} calls were left behind when their time was over")
    return lines + _failed(taken.failures)


def facts(stats: Stats, taken: Taken) -> dict[str, Any]:
    """The same for programs."""
    return {
        "succeeded": taken.ok,
        "failed": taken.failures.count,
        "lost": taken.lost(stats),
        "abandoned": stats.abandoned,
        "elapsed_s": round(stats.elapsed, 6),
        "run_s": _seconds(stats.running),
        "queue_s": _seconds(stats.waiting),
        "model": stats.model,
        "chosen": stats.chosen,
        "limit": stats.limit,
        "limited_by": stats.limited_by,
        "held_back": held_back(stats, taken.busy),
        "failures": [
            {"type": group.kind, "count": group.count, "example": group.example, "item": group.item}
            for group in taken.failures.largest()
        ],
    }


def held_back(stats: Stats, busy: float) -> str:
    """What kept the run from going faster, in one sentence; nothing if that is not known."""
    if stats.elapsed < LONG_ENOUGH:
        return ""
    lost = {
        "order": stats.held_by_order,
        "source": stats.held_by_source,
        "consumer": stats.held_by_consumer,
        **stats.held_by_limits,
    }
    worst = max(lost, key=lambda name: lost[name])
    share = lost[worst] / stats.elapsed
    if share < WORTH_SAYING:
        full = busy / stats.elapsed / max(1, stats.limit)
        return f"by concurrency={stats.limit}: its places were taken {min(1.0, full):.0%} of the time" * (full >= FULL)
    if worst in stats.held_by_limits:
        return f"waited {share:.0%} of the time for {worst}"
    return {
        "order": f"{share:.0%} of the time some places waited for item #{stats.held_by_index}; --no-ordered would not",
        "source": f"{share:.0%} of the time some places waited for the items to come",
        "consumer": f"{share:.0%} of the time some places waited for the results to be taken",
    }[worst]


def _failed(failures: Failures) -> list[str]:
    lines, groups = [], failures.largest()
    for group in groups[:SHOWN]:
        lines.append(f"failed  {group.count:,} x {group.kind}: {group.example}")
        lines.append(f"        e.g. {group.item}")
    if len(groups) > SHOWN:
        rest = sum(group.count for group in groups[SHOWN:])
        lines.append(f"failed  {rest:,} in {len(groups) - SHOWN} more groups")
    return lines


def _percentiles(durations: Durations) -> str:
    names = ("p50", "p90", "p99", "max")
    values = (durations.p50, durations.p90, durations.p99, durations.longest)
    return "  ".join(f"{name} {span(value)}" for name, value in zip(names, values, strict=True))


def _seconds(durations: Durations) -> dict[str, float]:
    return {
        "p50": round(durations.p50, 6),
        "p90": round(durations.p90, 6),
        "p99": round(durations.p99, 6),
        "max": round(durations.longest, 6),
    }
