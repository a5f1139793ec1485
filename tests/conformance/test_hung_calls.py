"""Promise 9: what happens to calls that take longer than `task_timeout`."""

from __future__ import annotations

import asyncio

import pytest

import iobound

SHORT = 0.02


def hanging(world, calls, valve, slow=(1,)):
    """The body of calls of which some hang until the valve is opened."""

    async def body(item):
        if item in slow:
            with calls:
                await valve.wait()
        return item

    return body


async def test_a_hung_call_fails_with_timeout_error(crowd):
    """The others go on; its late result is dropped."""
    calls, valve = crowd.Meter(), crowd.Valve()
    run = crowd.map(hanging(crowd, calls, valve), range(6), task_timeout=SHORT, concurrency=2, errors="collect")
    outcomes = await crowd.list(run)
    assert [outcome.value for outcome in outcomes] == [0, None, 2, 3, 4, 5]
    assert isinstance(outcomes[1].error, TimeoutError)
    assert outcomes[1].duration >= SHORT or outcomes[1].duration == 0
    assert run.stats.abandoned == (0 if crowd.on_loop else 1)
    assert run.stats.failed == 1
    valve.open()
    await crowd.until(lambda: calls.inside == 0 and not crowd.left_over())
    assert outcomes[1].value is None
    assert (run.stats.succeeded, run.stats.failed) == (5, 1)


async def test_a_hung_call_raises_timeout_error(crowd):
    """Under `errors="raise"`."""
    calls, valve = crowd.Meter(), crowd.Valve()
    with pytest.raises(TimeoutError, match="task_timeout"):
        await crowd.run(hanging(crowd, calls, valve), range(6), task_timeout=SHORT, concurrency=2, grace=0)
    valve.open()
    await crowd.until(lambda: not crowd.left_over())


async def test_abandoned_workers_are_replaced(crowd):
    """With every slot hung, `max_abandoned` more calls are made, and the run ends by itself."""
    if crowd.on_loop:
        pytest.skip("about threads")
    calls, valve = crowd.Meter(), crowd.Valve()
    body = hanging(crowd, calls, valve, slow=(0, 1))
    run = crowd.map(body, range(10), task_timeout=SHORT, concurrency=2, errors="collect", max_abandoned=2)
    outcomes = await crowd.list(run)
    assert [outcome.ok for outcome in outcomes] == [False] * 2 + [True] * 8
    assert (run.stats.abandoned, calls.inside, calls.peak) == (2, 2, 2)
    valve.open()
    await crowd.until(lambda: not crowd.left_over())


@pytest.mark.parametrize("allowed", [0, 1])
async def test_when_no_slot_is_left_the_run_fails(crowd, allowed):
    """With `HungCalls`, after what is ready was delivered, and a hint; never more calls hang than allowed."""
    if crowd.on_loop:
        pytest.skip("about threads")
    calls, valve = crowd.Meter(), crowd.Valve()
    body = hanging(crowd, calls, valve, slow=range(1, 100))
    run = crowd.map(
        body, range(100), task_timeout=SHORT, concurrency=2, errors="skip", max_abandoned=allowed, grace=0.01
    )
    assert await crowd.next(run) == 0
    with pytest.raises(iobound.HungCalls) as raised:
        await crowd.list(run)
    assert any(note.startswith("hint: ") for note in raised.value.__notes__)
    assert calls.entered == 2 + allowed
    valve.open()
    await crowd.until(lambda: not crowd.left_over())


async def test_calls_on_a_loop_are_cancelled_and_cleaned_up(crowd):
    """The cleanup of a call that is too slow is awaited before its item fails."""
    if not crowd.on_loop:
        pytest.skip("about loops")
    cleaned = []

    async def body(item):
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0)
            cleaned.append(item)

    outcomes = await crowd.run(body, range(4), task_timeout=SHORT, concurrency=2, errors="collect")
    assert [type(outcome.error) for outcome in outcomes] == [TimeoutError] * 4
    assert sorted(cleaned) == [0, 1, 2, 3]


async def test_a_call_that_swallows_its_cancellation_is_given_up(crowd):
    """After `grace`; the run goes on, and its later result is dropped."""
    if not crowd.on_loop:
        pytest.skip("about loops")
    valve = crowd.Valve()

    async def body(item):
        while item == 1 and not valve.is_open:
            try:
                await valve.wait()
            except asyncio.CancelledError:
                pass
        return item

    run = crowd.map(body, range(5), task_timeout=SHORT, grace=SHORT, concurrency=2, errors="collect")
    outcomes = await crowd.take(run, 5)
    assert [outcome.value for outcome in outcomes] == [0, None, 2, 3, 4]
    assert isinstance(outcomes[1].error, TimeoutError)
    valve.open()
    assert await crowd.list(run) == []
    assert run.stats.abandoned == 1
    await crowd.until(lambda: not crowd.left_over())


async def test_a_call_that_ends_in_time_is_left_alone(crowd):
    """Timeouts count from the start of the attempt, not from when it was pulled."""

    async def body(item):
        await crowd.pause(0.01)
        return item

    assert await crowd.run(body, range(12), task_timeout=0.05, concurrency=2) == [*range(12)]


async def test_time_out_of_the_whole_run(world):
    """`timeout=` ends the run with TimeoutError after what is ready was delivered."""

    async def body(item):
        await world.pause(0.001)
        return item

    run, got = world.map(body, iter(int, 1), timeout=0.5, buffersize=4, concurrency=2), []
    with pytest.raises(TimeoutError, match=r"timeout=0\.5"):
        await world.fill(got, run)
    assert got
    with pytest.raises(RuntimeError):
        await world.next(run)


async def test_the_whole_run_times_out_while_its_consumer_is_away(away):
    """Admission stops in time; the consumer hears it when it comes back."""
    calls = away.Meter()

    async def body(item):
        calls.tick()
        return item

    run = away.map(body, iter(int, 1), timeout=SHORT, buffersize=2, concurrency=1)
    await away.next(run)
    await away.pause(2 * SHORT)
    seen = calls.entered
    with pytest.raises(TimeoutError):
        await away.list(run)
    assert calls.entered == seen


async def test_current_knows_the_seconds_that_remain(crowd):
    """Infinite without `task_timeout`, else at most that."""

    async def body(item):
        return iobound.current().remaining

    (left,) = await crowd.run(body, [1], task_timeout=5)
    assert 4 < left <= 5
    assert await crowd.run(body, [1]) == [float("inf")]


def test_serial_cannot_keep_a_timeout():
    """`serial` with `task_timeout` is an error, with a way out."""
    with pytest.raises(ValueError, match="serial") as raised:
        iobound.map(abs, [1], model="serial", task_timeout=1)
    assert any(note.startswith("hint: ") for note in raised.value.__notes__)
