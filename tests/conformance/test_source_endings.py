"""Promise 2: generators are closed however the run ends, nothing else ever is."""

from __future__ import annotations

import asyncio

import pytest

import iobound


async def same(item):
    return item


class Numbers:
    """An iterator with a `close` of its own."""

    def __init__(self, count):
        self.numbers, self.closed = iter(range(count)), False

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.numbers)

    def close(self):
        self.closed = True


ENDINGS = ("end", "break", "close", "with", "error", "too many errors", "drop")


def begun(world, items, ending, **keywords):
    """A run to be ended in one of those ways."""
    if ending == "too many errors":
        keywords |= {"errors": "skip", "max_errors": 1}
    function = failing if "error" in ending else same
    return world.map(function, items, concurrency=2, buffersize=4, **keywords)


async def finish(world, run, ending):
    """End it so."""
    match ending:
        case "end":
            await world.list(run)
        case "break":
            async for _ in world.each(run):
                break
        case "close":
            await world.next(run)
            await world.close(run)
        case "with":
            async with world.opened(run):
                await world.next(run)
        case "error" | "too many errors":
            with pytest.raises(ValueError if ending == "error" else iobound.TooManyErrors):
                await world.list(run)
        case "drop":
            await world.next(run)


async def failing(item):
    if item >= 3:
        raise ValueError(item)
    return item


@pytest.mark.parametrize("feed", ["auto", "consumer"])
@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_generator_is_closed_however_the_run_ends(world, ending, feed):
    """After the end, break, close, with, an error, too many errors, and when the run is dropped."""
    closed = world.Valve()

    def source():
        try:
            yield from range(40)
        finally:
            closed.open()

    items = source()
    run = begun(world, items, ending, feed=feed)
    await finish(world, run, ending)
    if ending in {"close", "with"}:
        assert closed.is_open
    del run
    await closed.wait()
    await world.until(lambda: items.gi_frame is None)


@pytest.mark.parametrize("ending", ENDINGS)
async def test_an_async_generator_is_closed_however_the_run_ends(world, ending):
    """The same, on the loop that iterated it."""
    closed, loops = world.Valve(), set()

    async def source():
        try:
            for number in range(40):
                loops.add(asyncio.get_running_loop())
                yield number
        finally:
            await asyncio.sleep(0)
            loops.add(asyncio.get_running_loop())
            closed.open()

    items = source()
    run = begun(world, items, ending)
    await finish(world, run, ending)
    if ending in {"close", "with"}:
        assert closed.is_open
    del run
    await closed.wait()
    assert len(loops) == 1
    if world.in_async:
        assert loops == {asyncio.get_running_loop()}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_no_other_object_is_closed(world, ending, tmp_path):
    """Iterators with a `close`, and files, stay as they are."""
    source = Numbers(40)
    await finish(world, begun(world, source, ending), ending)
    path = tmp_path / "lines"
    path.write_text("1\n" * 40)
    with path.open() as lines:
        ending = "end" if "error" in ending else ending
        await finish(world, begun(world, lines, ending), ending)
        await world.until(lambda: not world.left_over())
        assert not lines.closed
    assert not source.closed


async def test_closing_waits_at_most_grace_for_a_blocked_source(away):
    """And the generator is closed when its `next` returns after all."""
    valve, closed, pulled = away.Valve(), away.Valve(), away.Valve()

    def source():
        try:
            yield 1
            pulled.open()
            valve._event.wait(30)
            yield 2
        finally:
            closed.open()

    run = away.map(same, source(), grace=0.02)
    assert await away.next(run) == 1
    await pulled.wait()
    await away.close(run)
    assert not closed.is_open
    valve.open()
    await closed.wait()
    assert run.stats.pulled == 1
