"""Promise 2: a run is a source: stages compose, in every pair of colours."""

from __future__ import annotations

import asyncio
import itertools

import pytest

import iobound


def plain_double(item):
    if item == 3:
        raise ValueError(item)
    return 2 * item


async def async_double(item):
    await asyncio.sleep(0)
    return plain_double(item)


def plain_text(item):
    return f"<{item}>"


async def async_text(item):
    await asyncio.sleep(0)
    return f"<{item}>"


pairs = pytest.mark.parametrize(
    "first, second",
    [*itertools.product([plain_double, async_double], [plain_text, async_text])],
    ids=["plain-plain", "plain-async", "async-plain", "async-async"],
)


@pairs
async def test_stages_of_every_pair_of_colours(consumer, first, second):
    """Values go from stage to stage, in order."""
    items = [item for item in range(40) if item != 3]
    run = iobound.map(second, iobound.map(first, items))
    assert await consumer.list(run) == [f"<{2 * item}>" for item in items]


@pairs
@pytest.mark.parametrize("errors", ["raise", "collect"])
async def test_a_failure_passes_to_the_last_stage(consumer, first, second, errors):
    """With the name of its stage and its original item, never through the next function."""
    run = iobound.map(second, iobound.map(first, range(2, 6), errors=errors), errors="collect")
    outcomes = await consumer.list(run)
    assert [outcome.value for outcome in outcomes] == ["<4>", None, "<8>", "<10>"]
    failed = outcomes[1]
    assert isinstance(failed.error, ValueError)
    assert (failed.stage, failed.item, failed.index) == (first.__qualname__, 3, 1)
    assert [outcome.stage for outcome in outcomes if outcome.ok] == [None] * 3
    assert run.stats.failed == 1


@pairs
@pytest.mark.parametrize("errors", ["raise", "collect"])
async def test_a_failure_of_an_earlier_stage_raises(consumer, first, second, errors):
    """Under `errors="raise"` of the last stage it is raised, the very error."""
    run = iobound.map(second, iobound.map(first, range(10), errors=errors))
    with pytest.raises(ValueError, match="3"):
        await consumer.list(run)


@pairs
async def test_a_stage_that_skips_hands_on_only_values(consumer, first, second):
    """`errors="skip"` of an earlier stage drops failures there."""
    run = iobound.map(second, iobound.map(first, range(2, 5), errors="skip"), errors="collect")
    assert [outcome.value for outcome in await consumer.list(run)] == ["<4>", "<8>"]
    assert run.stats.failed == 0


@pairs
async def test_failures_of_earlier_stages_count(consumer, first, second):
    """They count for `max_errors`."""
    run = iobound.map(second, iobound.map(first, [3] * 9, errors="collect"), errors="skip", max_errors=4)
    with pytest.raises(iobound.TooManyErrors):
        await consumer.list(run)


async def test_the_stage_that_failed_is_named_through_three_stages(consumer):
    """The first one, although two came after it."""
    run = iobound.map(plain_text, iobound.map(async_text, iobound.map(plain_double, [3, 4])), errors="collect")
    first, second = await consumer.list(run)
    assert (first.stage, first.item, second.value) == ("plain_double", 3, "<<8>>")


@pairs
async def test_an_error_of_the_first_source_passes_up_the_chain(consumer, first, second):
    """After what came before it."""

    def source():
        yield 1
        raise KeyError("the source's")

    run = iobound.map(second, iobound.map(first, source()))
    assert await consumer.next(run) == "<2>"
    with pytest.raises(KeyError, match="the source's"):
        await consumer.next(run)


@pairs
@pytest.mark.parametrize("ending", ["close", "drop", "error"])
async def test_ending_the_last_stage_ends_the_first(consumer, first, second, ending):
    """Its generator is closed, and nothing is left."""
    closed = consumer.Valve()

    def source():
        try:
            yield from itertools.count(4)
        finally:
            closed.open()

    async def broken(item):
        raise KeyError(item)

    inner = iobound.map(first, source(), concurrency=2, buffersize=4)
    run = iobound.map(broken if ending == "error" else second, inner, concurrency=2, buffersize=4)
    if ending == "error":
        with pytest.raises(KeyError):
            await consumer.next(run)
    else:
        assert await consumer.next(run) == "<8>"
    if ending == "close":
        await consumer.close(run)
        assert closed.is_open
        assert consumer.left_over() == []
    del run, inner
    await closed.wait()
    await consumer.until(lambda: not consumer.left_over())


@pairs
async def test_stages_pull_no_more_than_their_windows(consumer, first, second):
    """Backpressure goes through the chain."""
    pulls = consumer.Meter()

    def source():
        for number in itertools.count(4):
            pulls.tick()
            yield number

    run = iobound.map(second, iobound.map(first, source(), buffersize=5), buffersize=3)
    await consumer.take(run, 10)
    await consumer.close(run)
    assert pulls.entered <= 10 + 5 + 3


def test_async_stages_share_the_loop_of_the_consumer():
    """An async inner function runs on the caller's loop when the outer run is consumed there."""
    loops = set()

    async def inner(item):
        loops.add(asyncio.get_running_loop())
        return item

    async def main():
        await iobound.map(plain_text, iobound.map(inner, range(3)))
        return asyncio.get_running_loop()

    assert loops == set()
    loop = asyncio.run(main())
    assert loops == {loop}
