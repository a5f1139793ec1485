"""A run that collects its failures and is ended early: what is done is delivered, also behind what never will be."""

from __future__ import annotations

import itertools

import pytest

import iobound

ENDS = {
    "timeout": (TimeoutError, {"timeout": 0.3}),
    "max_errors": (iobound.TooManyErrors, {"max_errors": 0}),
    "exit": (SystemExit, {}),
    "cancel": (RuntimeError, {}),
}


async def ended(crowd, end, errors):
    """A run of three calls at once, the first of which hangs: its results, what was done, and what it ended with."""
    calls, valve, done = crowd.Meter(), crowd.Valve(), []
    the_others_are_done = calls.when(entered=13)
    kind, more = ENDS[end]

    async def body(item):
        with calls:
            if item == 0:
                await valve.wait()
            if item == 11 and end != "timeout":
                await the_others_are_done.wait()
                if end == "cancel":
                    run.cancel()
                else:
                    raise LookupError(item) if end == "max_errors" else SystemExit(item)
        done.append(item)
        return item

    items = range(12 if end == "timeout" else 1000)
    run = crowd.map(body, items, concurrency=3, errors=errors, grace=0.05, buffersize=40, **more)
    results = []
    try:
        with pytest.raises(kind) as raised:
            await crowd.fill(results, run)
        return results, done[:10], raised.value, run
    finally:
        valve.open()


@pytest.mark.parametrize("end", ENDS)
async def test_what_is_done_behind_a_call_that_hangs_is_delivered(crowd, end):
    """In order, and without what was never done."""
    results, done, _, run = await ended(crowd, end, "collect")
    indices = [outcome.index for outcome in results]
    assert {*done} <= {*indices}
    assert 0 not in indices
    assert indices == sorted(indices)
    assert sum(outcome.ok for outcome in results) <= run.stats.succeeded
    assert [outcome.index for outcome in results if not outcome.ok] == ([11] if end == "max_errors" else [])


async def test_too_many_errors_come_from_the_last_one(crowd):
    """And what is done comes before, where failures are skipped too."""
    results, done, error, _ = await ended(crowd, "max_errors", "skip")
    assert {*done} <= {*results}
    assert isinstance(error.__cause__, LookupError)


async def test_values_alone_never_have_gaps(crowd):
    """Under `errors="raise"` position is all that tells which item a value belongs to."""
    results, _, _, _ = await ended(crowd, "timeout", "raise")
    assert results == []


async def test_calls_that_end_within_grace_are_delivered(away):
    """Those on threads; those on a loop are cancelled at once."""
    if away.on_loop or away.model == "serial":
        pytest.skip("about threads")
    calls, valve = away.Meter(), away.Valve()

    async def body(item):
        with calls:
            if item == 3:
                raise LookupError(item)
            await valve.wait()
        return item

    class Opens:
        def settled(self, attempt):
            valve.open()

    run = away.map(body, itertools.count(), concurrency=4, errors="collect", max_errors=0, grace=5, hooks=[Opens()])
    results = []
    with pytest.raises(iobound.TooManyErrors):
        await away.fill(results, run)
    indices = [outcome.index for outcome in results]
    assert indices[:4] == [0, 1, 2, 3]
    assert indices == [*range(len(indices))]
    assert away.left_over() == []
