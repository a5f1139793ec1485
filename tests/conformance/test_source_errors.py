"""Promise 2: a source that blocks or fails: nothing finished is held back, and no cut-short run looks complete."""

from __future__ import annotations

import asyncio

import pytest


async def same(item):
    return item


@pytest.mark.parametrize("ordered", [True, False])
async def test_a_blocked_source_holds_back_no_finished_result(world, ordered):
    """Results of what was pulled are delivered while the source blocks."""
    valve = world.Valve()

    def source():
        yield from range(3)
        valve._event.wait(world.ceiling)
        yield 3

    run = world.map(same, source(), ordered=ordered)
    assert sorted(await world.take(run, 3)) == [0, 1, 2]
    assert not valve.is_open
    valve.open()
    assert await world.list(run) == [3]


@pytest.mark.parametrize("ordered", [True, False])
async def test_a_blocked_async_source_holds_back_no_finished_result(world, ordered):
    """The same for an async generator."""
    valve = world.Valve()

    async def source():
        for number in range(3):
            yield number
        await valve.wait()
        yield 3

    run = world.map(same, source(), ordered=ordered)
    assert sorted(await world.take(run, 3)) == [0, 1, 2]
    assert not valve.is_open
    valve.open()
    assert await world.list(run) == [3]


async def test_a_blocked_source_does_not_block_the_loop(world):
    """The consumer's loop goes on while the source blocks."""
    if not world.in_async:
        pytest.skip("about loops")
    valve = world.Valve()
    opened_in_time = []

    def source():
        opened_in_time.append(valve._event.wait(world.ceiling))
        yield 1

    task = asyncio.create_task(world.run(same, source()))
    for _ in range(5):
        await asyncio.sleep(0)
    valve.open()
    assert await task == [1]
    assert opened_in_time == [True]


@pytest.mark.parametrize("errors", ["raise", "collect", "skip"])
@pytest.mark.parametrize("count", [0, 1, 20])
async def test_the_error_of_a_source_comes_after_what_was_pulled(world, count, errors):
    """All that was pulled before it is delivered first; then the very object is raised."""
    error = KeyError("mine")

    def source():
        yield from range(count)
        raise error

    run, got = world.map(same, source(), errors=errors, concurrency=4), []
    with pytest.raises(KeyError) as raised:
        await world.fill(got, run)
    assert raised.value is error
    assert [result.value if errors == "collect" else result for result in got] == [*range(count)]
    with pytest.raises(RuntimeError):
        await world.next(run)


async def test_the_error_of_an_async_source_comes_after_what_was_pulled(world):
    """The same for an async generator."""
    error = KeyError("mine")

    async def source():
        for number in range(20):
            yield number
        raise error

    run, got = world.map(same, source(), concurrency=4), []
    with pytest.raises(KeyError) as raised:
        await world.fill(got, run)
    assert (raised.value, got) == (error, [*range(20)])


async def test_a_source_that_cannot_be_started_is_an_error(world):
    """`__iter__` itself may raise."""

    class Source:
        def __iter__(self):
            raise KeyError("no iterator")

    with pytest.raises(KeyError, match="no iterator"):
        await world.run(same, Source())


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
async def test_an_interrupt_in_the_source_ends_the_run(world, kind):
    """It is raised, and no failure of an item."""

    def source():
        yield 1
        raise kind

    with pytest.raises(kind):
        await world.run(same, source(), errors="collect")


async def test_a_container_that_changes_while_it_is_iterated_is_an_error(world):
    """The error of a built-in iterator surfaces as well: the run never looks complete."""
    items = dict.fromkeys(range(100))

    async def body(item):
        items[f"new {item}"] = None
        return item

    with pytest.raises(RuntimeError, match="changed size"):
        await world.run(body, items, buffersize=10)
