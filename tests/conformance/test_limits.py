"""Rates, keys, retries and budgets: the same on every model, for every consumer."""

from __future__ import annotations

import errno
from time import monotonic

import pytest

import iobound
from iobound import Rate, Retry, RetryBudget

SOON = Retry(attempts=3, wait=lambda made, error: 0.001)


def charged(ledger, rate):
    """Units of the one rate, after all corrections."""
    [book] = ledger.books.values()
    return sum(charge for _, charge, _ in book.entries) / rate.measures.unit


class Busy(Exception):  # noqa: N818 - it says what happened
    """What a client raises for a response that asks to come back later."""

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        super().__init__(f"status {status}")
        self.status, self.headers = status, headers


async def test_a_rate_holds_in_every_window_and_loses_nothing(world, ledger):
    """Promise 12, with costs that differ."""

    async def body(item):
        return item

    rate = Rate(3000, burst=20, cost=lambda item: 1 + item % 7)
    assert await world.run(body, range(150), rate=rate) == [*range(150)]
    assert len(ledger.taken) == 150
    assert ledger.excess() <= 0


async def test_all_rates_admit_or_none(world, ledger):
    """The slower of two decides, and the other is not charged for nothing."""

    async def body(item):
        return item

    assert await world.run(body, range(30), rate=["100000/s", "600/s"]) == [*range(30)]
    assert len(ledger.taken) == 60


async def test_starts_are_first_in_first_out(crowd):
    """Whatever the costs are."""
    started = []

    async def body(item):
        started.append(item)

    await crowd.run(body, range(40), rate=Rate(4000, burst=30, cost=lambda item: 1 + 20 * (item % 3)), concurrency=1)
    assert started == [*range(40)]


async def test_what_a_call_spent_is_charged(world, ledger):
    """More than was charged is a debt, less a credit."""

    async def body(item):
        iobound.spent(tokens=1)
        return item

    rate = Rate(1000, per=1, cost=500, unit="tokens", burst=1000)
    began = monotonic()
    assert await world.run(body, range(20), rate=["100000/s", rate], concurrency=1) == [*range(20)]
    assert monotonic() - began < world.ceiling  # ten seconds, without the credit


async def test_what_a_hung_call_spent_is_charged_when_it_tells(crowd, ledger):
    """It was left behind, and what it has used is used all the same."""
    told, valve = crowd.Valve(), crowd.Valve()

    async def body(item):
        if not item:
            try:
                await valve.wait()
            finally:
                iobound.spent(tokens=800)
                told.open()
        return item

    rate = Rate(1000, per=3600, cost=1, unit="tokens", burst=1000)
    run = crowd.map(body, [0, 1], rate=rate, task_timeout=0.02, errors="collect", concurrency=2)
    first, second = await crowd.list(run)
    assert (type(first.error), second.value) == (TimeoutError, 1)
    valve.open()
    await told.wait()
    assert charged(ledger, rate) == 801


async def test_spent_reaches_the_call_around_a_run(world, ledger):
    """A run that a call makes uses what that call was admitted for."""

    def inner(item):
        iobound.spent(tokens=50)
        return item

    async def body(item):
        run = iobound.map(inner, [item])
        return await run if world.on_loop else list(run)

    rate = Rate(1000, per=3600, cost=1, unit="tokens", burst=1000)
    assert await world.run(body, [1, 2], rate=rate) == [[1], [2]]
    assert charged(ledger, rate) == 100


async def test_spent_names_what_is_counted(world):
    """A unit that nobody counts is the call's error."""

    async def body(item):
        iobound.spent(**{item: 1})

    bad, good = await world.run(body, ["tokens", "requests"], rate="1000/s", errors="collect")
    assert isinstance(bad.error, LookupError)
    assert "requests" in bad.error.__notes__[0]
    assert good.ok


@pytest.mark.parametrize("keyword", ["key", "cost"])
async def test_a_key_or_cost_that_raises_fails_its_item_only(world, keyword):
    """It runs where the source is fed."""

    async def body(item):
        return item

    def told(item):
        return [][item] if item == 2 else 1

    keywords = {"key": {"key": told, "key_concurrency": 1}, "cost": {"cost": told, "rate": "100000/s"}}[keyword]
    outcomes = await world.run(body, range(5), errors="collect", ordered=False, **keywords)
    outcomes.sort(key=lambda outcome: outcome.index)
    assert [outcome.value for outcome in outcomes] == [0, 1, None, 3, 4]
    assert isinstance(outcomes[2].error, IndexError)


async def test_an_unhashable_key_fails_its_item_only(world):
    async def body(item):
        return item

    items = ["a", ["b"], "c"]
    run = world.map(body, items, key=lambda item: item, key_concurrency=1, ordered=False, errors="collect")
    assert sorted(outcome.index for outcome in await world.list(run) if not outcome.ok) == [1]


async def test_a_cost_that_can_never_pass_fails_its_item_only(world):
    async def body(item):
        return item

    outcomes = await world.run(body, [1, 200, 2], rate="100/s", cost=lambda item: item, errors="collect")
    assert [outcome.value for outcome in outcomes] == [1, None, 2]
    assert "can never pass" in str(outcomes[1].error)


async def test_no_key_has_more_calls_than_it_may(crowd):
    """And different keys do not wait for each other."""
    meters = [crowd.Meter() for _ in range(3)]
    everywhere = crowd.Meter()
    full = everywhere.when(inside=6)

    async def body(item):
        with everywhere, meters[item % 3]:
            await full.wait()
        return item

    keywords = {"key": lambda item: item % 3, "key_concurrency": 2, "concurrency": 20, "ordered": False}
    assert sorted(await crowd.run(body, range(30), **keywords)) == [*range(30)]
    assert [meter.peak for meter in meters] == [2, 2, 2]


async def test_a_blocked_key_never_blocks_another(crowd):
    """As completed: the others are all done before it goes on."""
    blocked, done = crowd.Valve(), []

    async def body(item):
        if item[0] == "slow":
            await blocked.wait()
        return item

    items = [("slow", number) for number in range(50)] + [("fast", number) for number in range(50)]
    run = crowd.map(body, items, key=lambda item: item[0], key_concurrency=1, ordered=False, concurrency=4)
    async with crowd.opened(run):
        done = await crowd.take(run, 50)
        assert {name for name, _ in done} == {"fast"}
        blocked.open()
        assert len(await crowd.list(run)) == 50


async def test_a_failed_call_is_made_again(world):
    """Order is kept, and outcomes tell how often."""
    tries = world.Meter()

    async def body(item):
        tries.tick()
        if item == 3 and iobound.current().attempt < 3:
            raise OSError("busy")
        return item

    run = world.map(body, range(8), retry=SOON, errors="collect")
    outcomes = await world.list(run)
    assert [(outcome.value, outcome.attempts) for outcome in outcomes] == [(n, 3 if n == 3 else 1) for n in range(8)]
    assert run.stats.retried == 2
    assert tries.left == 10


async def test_the_original_error_remains_when_retries_are_used_up(world):
    errors = []

    async def body(item):
        errors.append(OSError("busy"))
        raise errors[-1]

    [outcome] = await world.run(body, [0], retry=SOON, errors="collect")
    assert outcome.error is errors[-1]
    assert (outcome.attempts, len(errors)) == (3, 3)


@pytest.mark.parametrize("error", [TypeError("bug"), KeyError("x"), FileNotFoundError(2, "x"), Busy(404, {})], ids=repr)
async def test_what_will_not_change_is_not_tried_again(world, error):
    async def body(item):
        raise error

    [outcome] = await world.run(body, [0], retry=SOON, errors="collect")
    assert outcome.attempts == 1


async def test_an_item_that_waits_for_its_retry_holds_no_slot(world):
    """The others are made meanwhile; when due it goes before new ones."""
    started = []

    async def body(item):
        started.append(item)
        if item == 0 and iobound.current().attempt == 1:
            raise OSError("busy")
        if item == 5:
            await world.pause(0.05)

    retry = Retry(attempts=2, wait=lambda made, error: 0.02)
    await world.run(body, range(12), retry=retry, concurrency=1)
    assert started.index(0, 1) in range(2, 12)
    assert sorted(started) == [0, *range(12)]


async def test_a_retry_passes_the_rate_again(world, ledger):
    async def body(item):
        if iobound.current().attempt == 1:
            raise OSError("busy")
        return item

    await world.run(body, range(10), retry=SOON, rate="5000/s")
    assert len(ledger.taken) == 20


async def test_retry_after_holds_up_its_key_and_no_other(world):
    """Nothing of that key starts before the time the other side asked for."""
    starts = []

    async def body(item):
        starts.append((item, monotonic()))
        if item == "a0" and iobound.current().attempt == 1:
            raise Busy(429, {"Retry-After": "0.15"})
        return item

    items = ["a0", "b0", "a1", "b1", "a2"]
    keywords = {"key": lambda item: item[0], "key_concurrency": 1, "ordered": False, "retry": 2}
    assert sorted(await world.run(body, items, concurrency=1, **keywords)) == sorted(items)
    first = next(at for item, at in starts if item == "a0")
    assert [item for item, at in starts if item[0] == "a" and at < first + 0.15] == ["a0"]
    order = [item for item, _ in starts]
    assert order.index("b1") < order.index("a1")
    assert order.count("a0") == 2


async def test_an_on_that_raises_is_what_the_item_fails_with(world):
    async def body(item):
        raise OSError("busy")

    def on(error):
        raise RuntimeError("in on=")

    [outcome] = await world.run(body, [0], retry=Retry(on=on), errors="collect")
    assert str(outcome.error) == "in on="
    assert isinstance(outcome.error.__context__, OSError)


async def test_a_call_that_finds_no_descriptor_is_made_again_among_fewer(crowd):
    """It is no retry, and no failure; the limit falls, and a hook hears of it."""
    calls, told, made = crowd.Meter(), [], []
    full = calls.when(inside=4)

    class Hook:
        def limit_changed(self, old, new, reason):
            told.append((old, new, reason))

    async def body(item):
        made.append(item)
        if calls.inside >= 4:
            raise OSError(errno.EMFILE, "too many open files")
        with calls:
            if not full.is_open and item < 4:
                await full.wait()
            await crowd.pause(0.001)
        return item

    run = crowd.map(body, range(60), concurrency=8, hooks=[Hook()])
    assert await crowd.list(run) == [*range(60)]
    assert calls.peak <= 8
    assert run.stats.retried == run.stats.failed == 0
    assert len(made) < 120  # each waits for another to end
    assert told
    assert all(new != old for old, new, _ in told)
    assert told[0][1] < told[0][0]
    assert told[0][2] == "no descriptor was left"


@pytest.mark.parametrize("retry", [None, 0])
async def test_alone_without_a_descriptor_the_item_fails(world, retry):
    """Nothing would be gained by waiting."""
    tries = world.Meter()

    async def body(item):
        tries.tick()
        raise OSError(errno.EMFILE, "too many open files")

    outcomes = await world.run(body, range(3), concurrency=1, errors="collect", retry=retry)
    assert [outcome.error.errno for outcome in outcomes] == [errno.EMFILE] * 3
    assert tries.left == 3


async def test_a_limiter_is_shared_by_two_runs(crowd, ledger):
    """Both together keep within it."""
    limiter = iobound.Limiter("4000/s", concurrency=3)
    calls = crowd.Meter()

    async def body(item):
        with calls:
            await crowd.pause()
        return item

    one = crowd.map(body, range(40), rate=limiter)
    two = crowd.map(body, range(40), rate=limiter)
    got = [await crowd.next(one), await crowd.next(two)]
    got += await crowd.list(one) + await crowd.list(two)
    assert sorted(got) == sorted([*range(40), *range(40)])
    assert calls.peak <= 3
    assert len(ledger.taken) == 80
    assert ledger.excess() <= 0


async def test_what_held_the_run_back_is_named(world):
    async def body(item):
        return item

    run = world.map(body, range(25), rate="200/s")
    await world.list(run)
    assert max(run.stats.held_by_limits, key=run.stats.held_by_limits.get) == "rate 200/s"
    assert run.stats.held_by_limits["rate 200/s"] > 0.1 * run.stats.elapsed


async def test_what_holds_a_run_back_to_its_end_is_named_too(world):
    async def body(item):
        return item

    run = world.map(body, range(3), rate=iobound.Rate(1, per=600), timeout=0.3)
    with pytest.raises(TimeoutError):
        await world.list(run)
    held = run.stats.held_by_limits["rate 1/600s"]
    assert 0.5 * run.stats.elapsed <= held <= run.stats.elapsed


async def test_an_empty_budget_parks_retries_until_it_fills(world):
    """None is lost."""

    async def body(item):
        if iobound.current().attempt == 1:
            raise OSError("busy")
        return item

    retry = Retry(attempts=2, wait=lambda made, error: 0.0, budget=RetryBudget(cap=1, per_second=200))
    assert await world.run(body, range(12), retry=retry) == [*range(12)]


async def test_a_parked_retry_fails_with_its_original_error_at_its_deadline(world):
    async def body(item):
        raise OSError(f"busy {item}")

    retry = Retry(attempts=9, wait=lambda made, error: 0.0, deadline=0.05, budget=RetryBudget(cap=1, per_second=1))
    outcomes = await world.run(body, range(4), retry=retry, errors="collect")
    assert [str(outcome.error) for outcome in outcomes] == [f"busy {n}" for n in range(4)]
    assert any("budget" in note for outcome in outcomes for note in getattr(outcome.error, "__notes__", ()))
