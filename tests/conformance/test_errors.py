"""Promise 4: which error is raised, when, and with what."""

from __future__ import annotations

import asyncio
import traceback

import pytest

import iobound

collecting = pytest.mark.parametrize("errors", ["raise", "collect", "skip"])


class Odd(BaseException):
    """Neither an Exception nor one that Python itself raises."""


def raising(error):
    raise error


async def test_the_first_failure_in_time_is_raised(crowd):
    """Not the first in input order; at once; the very object, with the frame that raised it."""
    calls, valve, error = crowd.Meter(), crowd.Valve(), ValueError("mine")
    three = calls.when(inside=3)

    async def user_code(item):
        with calls:
            await three.wait()
            if item < 2:
                await valve.wait()
                raise AssertionError("this one ends later")
            raise error

    run = crowd.map(user_code, range(3), concurrency=3, grace=0)
    with pytest.raises(ValueError, match="mine") as raised:
        await crowd.next(run)
    assert raised.value is error
    assert "user_code" in [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert not valve.is_open
    valve.open()
    await crowd.until(lambda: not crowd.left_over())


async def test_after_a_failure_nothing_starts(world):
    """Admission stops at once; what was not delivered is dropped; the run does not look complete afterwards."""
    calls = world.Meter()

    async def body(item):
        calls.tick()
        if item == 5:
            raise ValueError(item)
        return item

    run, got = world.map(body, range(1000), concurrency=1), []
    with pytest.raises(ValueError, match="5"):
        await world.fill(got, run)
    assert got == [*range(len(got))]
    assert calls.entered == 6
    for _ in range(2):
        with pytest.raises(RuntimeError):
            await world.next(run)


async def test_a_traceback_shows_only_the_consumer_and_the_call(world):
    """The user's frames first and last; few of ours between."""

    async def user_code(item):
        raise ValueError(item)

    with pytest.raises(ValueError, match="0") as raised:
        await world.run(user_code, [0])
    frames = traceback.extract_tb(raised.value.__traceback__)
    assert frames[-1].name == "user_code"
    assert sum("iobound" in frame.filename and "conformance" not in frame.filename for frame in frames) <= 4


async def test_other_failures_in_flight_are_named_in_a_note(crowd):
    """The first is raised, the others are not lost."""
    calls, event = crowd.Meter(), asyncio.Event()
    three = calls.when(inside=3)

    async def body(item):
        with calls:
            if not crowd.on_loop:
                await three.wait()
            else:  # all are woken in the same round of the loop
                if three.is_open:
                    asyncio.get_running_loop().call_soon(event.set)
                await event.wait()
        raise ValueError(f"number {item}")

    with pytest.raises(ValueError, match="number") as raised:
        await crowd.run(body, range(3), concurrency=3)
    (note,) = raised.value.__notes__
    others = {0, 1, 2} - {int(str(raised.value)[-1])}
    assert all(f"item #{index}: ValueError('number {index}')" in note for index in others)


@collecting
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, Odd])
async def test_what_is_no_exception_ends_the_run_and_is_raised(world, kind, errors):
    """KeyboardInterrupt, SystemExit and any other BaseException from a call are never outcomes."""
    error = kind("mine")

    async def body(item):
        if item == 3:
            raise error
        return item

    run, got = world.map(body, range(500), errors=errors, concurrency=2, buffersize=4), []
    with pytest.raises(kind) as raised:
        await world.fill(got, run)
    assert raised.value is error
    assert all(errors != "collect" or outcome.ok for outcome in got)
    assert run.stats.pulled <= 3 + 4 + 4


@pytest.mark.parametrize("kind", [StopIteration, StopAsyncIteration, GeneratorExit])
async def test_what_steers_generators_surfaces_as_runtime_error(world, kind):
    """StopIteration, StopAsyncIteration and GeneratorExit from a call never end anything quietly."""
    error = kind("mine")

    async def coroutine(item):
        raise error

    fn = coroutine if world.on_loop else lambda item: raising(error)
    run = iobound.map(fn, [1, 2], model=world.model, errors="collect")
    outcomes = await world.list(run)
    assert [type(outcome.error) for outcome in outcomes] == [RuntimeError] * 2
    assert outcomes[0].error.__cause__ is error
    with pytest.raises(RuntimeError):
        await world.list(iobound.map(fn, [1], model=world.model))


async def test_a_cancellation_nobody_requested_is_the_failure_of_its_item(world):
    """`CancelledError` from a call is `ItemCancelled`, a RuntimeError, on every model; the others go on."""

    async def body(item):
        if item == 1:
            raise asyncio.CancelledError
        return item

    outcomes = await world.run(body, range(4), errors="collect", concurrency=1)
    assert [outcome.value for outcome in outcomes] == [0, None, 2, 3]
    assert isinstance(outcomes[1].error, iobound.ItemCancelled)
    assert isinstance(outcomes[1].error, RuntimeError)
    assert isinstance(outcomes[1].error.__cause__, asyncio.CancelledError)
    with pytest.raises(iobound.ItemCancelled):
        await world.run(body, range(4))


async def test_a_call_that_awaits_a_cancelled_task_fails_alone(world):
    """The usual way in which an unrequested CancelledError comes about."""
    if not world.on_loop:
        pytest.skip("about loops")

    async def body(item):
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.cancel)
        return await future

    outcomes = await world.run(body, range(3), errors="collect")
    assert [type(outcome.error) for outcome in outcomes] == [iobound.ItemCancelled] * 3


@pytest.mark.parametrize("concurrency", [1, 3, 100])
async def test_a_call_that_cancels_its_own_task_fails_alone(world, concurrency):
    """Nobody asked the run to stop, so it goes on; also where the cancellation comes after the call."""
    if not world.on_loop:
        pytest.skip("about loops")

    async def body(item):
        if item % 3 == 1:
            asyncio.current_task().cancel()
        if item % 3 == 1 and item % 2:
            await asyncio.sleep(0)
        return item

    outcomes = await world.run(body, range(40), errors="collect", concurrency=concurrency)
    assert [outcome.item for outcome in outcomes] == [*range(40)]
    failed = [outcome for outcome in outcomes if not outcome.ok]
    assert {1, 7, 13, 19, 25, 31, 37} <= {outcome.item for outcome in failed}
    assert {type(outcome.error) for outcome in failed} == {iobound.ItemCancelled}


async def test_skip_yields_only_values_in_order(world):
    """And counts what it skipped."""

    async def body(item):
        if item % 3 == 0:
            raise ValueError(item)
        return item

    run = world.map(body, range(100), errors="skip", concurrency=4, buffersize=4)
    assert await world.list(run) == [item for item in range(100) if item % 3]
    assert (run.stats.failed, run.stats.succeeded, run.stats.delivered) == (34, 66, 100)


@collecting
async def test_outcomes_never_raise_for_an_item(world, errors):
    """Whatever `errors` says, `outcomes()` has one for every item; it comes before the first use."""

    async def body(item):
        if item % 2:
            raise ValueError(item)
        return item

    run = world.map(body, range(10), errors=errors)
    outcomes = run.outcomes()
    assert [outcome.ok for outcome in await world.list(outcomes)] == [True, False] * 5
    with pytest.raises(RuntimeError, match="first use"):
        run.outcomes()


async def test_an_exception_that_is_returned_is_a_value(world):
    """Only what is raised is a failure."""

    async def body(item):
        return item

    values = [ValueError("a value"), KeyboardInterrupt(), StopIteration(1)]
    assert await world.run(body, values) == values


@pytest.mark.parametrize("errors", ["collect", "skip"])
@pytest.mark.parametrize("limit", [0, 1, 7])
async def test_max_errors_stops_after_the_next_one(world, limit, errors):
    """N failures are allowed, the N+1st ends the run, after what is ready was delivered."""
    ready = []

    async def body(item):
        if item % 2:
            raise ValueError(item)
        return item

    run = world.map(body, range(1000), errors=errors, max_errors=limit, concurrency=1, buffersize=4)
    with pytest.raises(iobound.TooManyErrors, match=f"{limit + 1} of"):
        await world.fill(ready, run)
    if errors == "collect":
        assert [outcome.index for outcome in ready] == [*range(2 * limit + 2)]
    else:
        assert ready == [*range(0, 2 * limit + 2, 2)]
    with pytest.raises(RuntimeError, match="stopped before its end"):
        await world.next(run)
    fewer = await world.run(body, range(2 * limit + 1), errors=errors, max_errors=limit, concurrency=1)
    assert len(fewer) == (2 * limit + 1 if errors == "collect" else limit + 1)


async def test_max_errors_as_a_share_counts_from_100_outcomes_on(world):
    """3 % of the first hundred are too many; 100 % of the first ninety-nine are not judged."""

    async def body(item):
        if item < 4:
            raise ValueError(item)
        return item

    keywords = {"errors": "skip", "max_errors": "3%", "concurrency": 1}
    with pytest.raises(iobound.TooManyErrors):
        await world.run(body, range(100), **keywords)
    assert len(await world.run(body, range(99), **keywords)) == 95
    with pytest.raises(iobound.TooManyErrors, match="4 of 100"):
        await world.run(body, range(300), **keywords)

    async def rarely(item):
        if item in {1, 50, 120}:
            raise ValueError(item)

    assert len(await world.run(rarely, range(200), **keywords)) == 197
