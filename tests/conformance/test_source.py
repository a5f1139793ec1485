"""Promise 2: the source is the user's: who pulls it, where, and when."""

from __future__ import annotations

import asyncio
import contextvars
import sqlite3
import threading
from collections import deque
from contextlib import closing

import pytest

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
