"""Promise 3: order and identity."""

from __future__ import annotations

import pytest

import iobound


async def test_ordered_is_exact(world, lazy):
    """However calls overtake each other, results come in input order, none lost, none twice."""

    async def body(item):
        for _ in range(item * 7 % 5):
            await world.pause(0.0001)
        return item

    assert await world.run(body, lazy(world.Meter(), 200), concurrency=8) == [*range(200)]


async def test_a_slow_first_item_holds_its_place(crowd):
    """Item 0 ends last and comes first."""
    calls = crowd.Meter()
    others = calls.when(left=20)

    async def body(item):
        if item == 0:
            await others.wait()
        else:
            calls.tick()
        return item

    assert await crowd.run(body, range(21), concurrency=4) == [*range(21)]


async def test_as_completed_does_not_wait(crowd):
    """Unordered, everything else is delivered while item 0 still runs."""
    valve = crowd.Valve()

    async def body(item):
        if item == 0:
            await valve.wait()
        return item

    run = crowd.map(body, range(100), concurrency=4, ordered=False)
    assert sorted(await crowd.take(run, 99)) == [*range(1, 100)]
    valve.open()
    assert await crowd.list(run) == [0]


@pytest.mark.parametrize("ordered", [True, False])
async def test_an_outcome_carries_its_item_and_index(world, lazy, ordered):
    """Also as completed, also when it failed, and the item is the very object."""
    items = [object() for _ in range(30)]

    async def body(number):
        await world.pause(0.0001 if number % 3 else 0)
        if number % 4 == 0:
            raise ValueError(number)
        return items[number]

    outcomes = await world.run(body, lazy(world.Meter(), 30), ordered=ordered, errors="collect", concurrency=4)
    if ordered:
        assert [outcome.index for outcome in outcomes] == [*range(30)]
    assert sorted(outcome.index for outcome in outcomes) == [*range(30)]
    for outcome in outcomes:
        assert outcome.item == outcome.index
        assert outcome.ok is (outcome.index % 4 != 0)
        assert outcome.value is (items[outcome.index] if outcome.ok else None)
        assert outcome.ok or outcome.error.args == (outcome.index,)
        assert (outcome.attempts, outcome.key, outcome.stage) == (1, None, None)
        assert outcome.duration >= 0
        assert outcome.waited >= 0


@pytest.mark.parametrize("ordered", [True, False])
async def test_items_are_told_apart_by_place_not_by_value(world, ordered):
    """Equal, falsy and odd items are items like any other."""
    odd = [None, 0, "", (), StopIteration, NotImplemented, None, 0, ValueError("a value"), Ellipsis]

    async def body(item):
        return item

    results = await world.run(body, odd, ordered=ordered)
    assert sorted(map(repr, results)) == sorted(map(repr, odd))
    if ordered:
        assert all(result is item for result, item in zip(results, odd, strict=True))


async def test_starmap_unpacks_each_item(world):
    """`starmap` is `map` with the item as the arguments, and the outcome carries the item."""

    async def body(left, right):
        return left + right

    run = iobound.starmap(world.function(body), [(1, 2), "ab"], model=world.model, errors="collect")
    assert [(outcome.value, outcome.item) for outcome in await world.list(run)] == [(3, (1, 2)), ("ab", "ab")]


async def test_await_and_list_give_the_same(world):
    """`await run` and `list(run)` are all results."""

    async def body(item):
        return -item

    run = world.map(body, range(50))
    assert (await run if world.in_async else list(run)) == [-item for item in range(50)]


async def test_an_empty_source_gives_nothing(world):
    """And the run ends at once, again and again."""

    async def body(item):
        raise AssertionError

    run = world.map(body, [])
    assert [await world.next(run) for _ in range(3)] == [world.END] * 3
