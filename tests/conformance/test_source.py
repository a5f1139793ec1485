"""Promise 2: the source is the user's: who pulls it, when, and who closes what."""

from __future__ import annotations

import asyncio
import contextvars
import sqlite3
import threading
from collections import deque
from contextlib import closing

import pytest

import iobound

VARIABLE = contextvars.ContextVar("VARIABLE", default="unset")


async def same(item):
    return item


BUILT_IN = [
    [3, 1, 2],
    (3, 1, 2),
    range(3),
    {3: "c", 1: "a"},
    {3, 1},
    frozenset({3, 1}),
    "h\u00e9!",
    b"abc",
    deque([3, 1]),
    {3: "c"}.keys(),
    {3: "c"}.values(),
    {3: "c"}.items(),
    [],
]


@pytest.mark.parametrize("make", [lambda source: source, iter], ids=["container", "iterator"])
@pytest.mark.parametrize("items", BUILT_IN, ids=lambda items: type(items).__name__)
async def test_built_in_containers_are_pulled_in_place(world, items, make):
    """No feeder thread or task is started for a list, a tuple, a range, a dict, a set or a string."""
    parties = set()

    async def body(item):
        parties.update(world.left_over())
        return item

    assert await world.run(body, make(items)) == list(items)
    assert "iobound feeder" not in parties


class Pulled:
    """An iterator that notes who pulls it."""

    def __init__(self, count):
        self.numbers = iter(range(count))
        self.threads, self.contexts, self.closed = set(), set(), False

    def __iter__(self):
        return self

    def __next__(self):
        self.threads.add(threading.get_ident())
        self.contexts.add(VARIABLE.get())
        return next(self.numbers)

    def close(self):
        self.closed = True


async def test_other_iterables_are_pulled_in_one_thread(away):
    """Never in the consumer's thread, always in the same one, in the caller's context; never closed."""
    source = Pulled(300)
    VARIABLE.set("the caller's")
    assert await away.run(same, source, buffersize=10) == [*range(300)]
    assert len(source.threads) == 1
    assert threading.get_ident() not in source.threads
    assert (source.contexts, source.closed) == ({"the caller's"}, False)


async def test_a_source_is_iterated_once(world):
    """`iter` is called on it once, and nothing after its end is asked of it."""
    asked = []

    class Source:
        def __iter__(self):
            asked.append("iter")
            return iter(lambda: asked.append("next") or len(asked), 20)

    await world.run(same, Source(), buffersize=3)
    assert asked.count("iter") == 1
    assert asked.count("next") == 19


async def test_a_source_sets_nothing_for_the_caller(away):
    """What a generator sets in its context stays there."""

    def source():
        VARIABLE.set("the source's")
        yield 1

    VARIABLE.set("mine")
    await away.run(same, source())
    assert VARIABLE.get() == "mine"


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
    source = Pulled(40)
    await finish(world, begun(world, source, ending), ending)
    path = tmp_path / "lines"
    path.write_text("1\n" * 40)
    with path.open() as lines:
        ending = "end" if "error" in ending else ending
        await finish(world, begun(world, lines, ending), ending)
        await world.until(lambda: not world.left_over())
        assert not lines.closed
    assert not source.closed


async def test_an_async_iterator_is_iterated_by_one_task_and_not_closed(world):
    """One task, in the caller's context, on the caller's loop if there is one."""
    tasks, seen, closed = [], set(), []

    class Source:
        number = 0

        def __aiter__(self):
            return self

        async def __anext__(self):
            tasks.append(asyncio.current_task())
            seen.add(VARIABLE.get())
            self.number += 1
            if self.number > 50:
                raise StopAsyncIteration
            return self.number

        async def aclose(self):
            closed.append(True)

    VARIABLE.set("the caller's")
    assert await world.run(same, Source(), buffersize=4) == [*range(1, 51)]
    assert len(set(tasks)) == 1
    assert (seen, closed) == ({"the caller's"}, [])
    assert not world.in_async or tasks[0].get_loop() is asyncio.get_running_loop()


async def test_feed_consumer_pulls_in_the_consuming_thread(world):
    """`feed="consumer"`: every pull happens where the run is consumed, as far as slots are free."""
    calls, ahead = world.Meter(), []

    class Source(Pulled):
        def __next__(self):
            ahead.append(len(ahead) + 1 - calls.left)
            return super().__next__()

    async def body(item):
        with calls:
            await world.pause()
        return item

    source = Source(60)
    assert await world.run(body, source, feed="consumer", concurrency=3) == [*range(60)]
    assert source.threads == {threading.get_ident()}
    assert not source.closed
    assert max(ahead[:-1]) <= 3


async def test_a_cursor_bound_to_its_thread_works_with_feed_consumer(world):
    """And without it, the error says what to do."""
    with closing(sqlite3.connect(":memory:")) as connection:
        numbers = "with recursive n(i) as (select 1 union all select i + 1 from n limit 50) select i from n"
        rows = connection.execute(numbers)
        assert await world.run(same, rows, feed="consumer") == [(i,) for i in range(1, 51)]
        if not world.ahead:
            return
        with pytest.raises(sqlite3.ProgrammingError) as raised:
            await world.run(same, connection.execute(numbers))
        assert any("feed='consumer'" in note for note in raised.value.__notes__)


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
        async for result in world.each(run):
            got.append(result.value if errors == "collect" else result)
    assert raised.value is error
    assert got == [*range(count)]
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
        async for result in world.each(run):
            got.append(result)
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
