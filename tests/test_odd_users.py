"""What users do that nobody planned for: each once ended in silence, in a hang, or in the wrong error."""

import asyncio
import functools
import threading

import pytest

import iobound
from iobound.words.errors import WrongUse


class Falsy(Exception):  # noqa: N818 - named after what is odd about it
    def __bool__(self):
        return False


class Stops:
    def __enter__(self):
        raise StopIteration

    def __exit__(self, *exc):
        """Never entered, never left."""


def on_a_loop(test):
    @functools.wraps(test)
    def run(**given):
        asyncio.run(test(**given))

    return run


class BadSource:
    def __iter__(self):
        raise StopIteration


@pytest.mark.parametrize("model", ["serial", "threads"])
def test_stop_iteration_from_setup_is_an_error(model):
    """It never ends the consumer's loop as if the run were complete."""
    with pytest.raises(RuntimeError):
        list(iobound.map(lambda item, _: item, [1, 2], setup=Stops, model=model))


@pytest.mark.parametrize("model", ["serial", "threads"])
@pytest.mark.parametrize("feed", ["auto", "consumer"])
def test_stop_iteration_from_iter_is_an_error(model, feed):
    """Only `next` may end a source."""
    with pytest.raises(RuntimeError):
        list(iobound.map(len, BadSource(), model=model, feed=feed))


@pytest.mark.parametrize("model", ["serial", "threads"])
def test_a_falsy_exception_is_raised_as_it_is(model):
    """The original object, whatever its truth value."""
    error = Falsy()

    def call(_):
        raise error

    with pytest.raises(Falsy) as raised:
        list(iobound.map(call, [1], model=model))
    assert raised.value is error


@on_a_loop
async def test_two_coroutines_cannot_wait_for_one_run():
    """The second is refused, and the first goes on."""
    gate = asyncio.Event()

    async def call(item):
        await gate.wait()
        return item

    async with iobound.map(call, [7]) as run:
        first = asyncio.ensure_future(anext(run))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="one loop, by one coroutine"):
            await anext(run)
        gate.set()
        assert await first == 7


@on_a_loop
async def test_a_used_run_is_refused():
    """It would look empty."""
    run = iobound.map(abs, [-1])
    assert await run == [1]
    with pytest.raises(RuntimeError, match="used"):
        await run
    with pytest.raises(RuntimeError, match="used"):
        [_ async for _ in run]
    again = iobound.map(abs, [-1], model="serial")
    assert await asyncio.to_thread(list, again) == [1]
    with pytest.raises(RuntimeError, match="used"):
        list(again)


@on_a_loop
async def test_an_async_function_that_returns_a_coroutine_fails():
    """A coroutine is never a result."""

    async def inner():
        """Never awaited, and closed for it."""

    async def call(_):
        return inner()

    with pytest.raises(TypeError, match="coroutine"):
        await iobound.map(call, [1])


# What a hostile reader of the documentation found, each mended -------------------------------------------------


def same(item):
    return item


async def later(item):
    await asyncio.sleep(0)
    return item


def threads_left():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("iobound")]


@pytest.mark.parametrize("fn", [same, later])
@pytest.mark.parametrize("kind", [SystemExit, asyncio.CancelledError, GeneratorExit])
@pytest.mark.parametrize("feed", ["auto", "consumer"])
@on_a_loop
async def test_a_source_that_raises_what_is_no_exception_never_looks_complete(fn, kind, feed):
    """What it gave before is delivered, then it is raised, and nobody finds the run complete."""

    def numbers():
        yield from range(20)
        raise kind("source")

    run, got = iobound.map(fn, numbers(), concurrency=4, feed=feed), []

    async def take():
        async for result in run:
            got.append(result)

    with pytest.raises(RuntimeError if kind is GeneratorExit else kind):
        await take()
    with pytest.raises(RuntimeError):
        await take()
    assert got == [*range(20)]
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("iobound")] == []


@pytest.mark.filterwarnings("ignore::iobound.BlockingLoopWarning")
@pytest.mark.parametrize("model", ["serial", "threads"])
@on_a_loop
async def test_aclose_stops_a_run_that_plain_code_has_begun(model):
    """Mixing the two ways of consuming is refused; stopping works both ways."""
    run = iobound.map(same, iter(range(2000)), model=model, concurrency=4)
    assert next(run) == 0
    await run.aclose()
    assert threads_left() == []
    with pytest.raises(RuntimeError, match="stopped before its end"):
        next(run)


@pytest.mark.parametrize("options", [{"model": "serial"}, {"feed": "consumer", "concurrency": 1}])
def test_what_others_took_of_the_source_is_missed(options):
    """A run that is a source is consumed by the outer one alone."""
    inner = iobound.map(str, range(1000), **options)
    outer = iobound.map(len, inner, **options)
    assert next(outer) == 1
    next(inner)
    with pytest.raises(WrongUse, match="consumed by somebody else, too"):
        list(outer)


class Ends:
    """A hook that remembers how the run ended."""

    def __init__(self):
        self.told = []

    def stopped(self, error):
        self.told.append(error)


@pytest.mark.parametrize("how", ["drain", "cancel", "close"])
@pytest.mark.parametrize("model", ["serial", "threads"])
def test_a_hook_hears_that_the_run_was_cut_short(model, how):
    """And only a complete one ends with None."""
    ends = Ends()
    run = iobound.map(same, iter(range(1000)), model=model, concurrency=2, buffersize=4, hooks=[ends])
    next(run)
    getattr(run, how)()
    with pytest.raises(RuntimeError):
        list(run)
    assert [str(error) for error in ends.told] == ["this run was stopped before its end"]
    complete = Ends()
    list(iobound.map(same, range(3), model=model, hooks=[complete]))
    assert complete.told == [None]


def test_a_timeout_is_a_timeout_even_if_the_cleanup_is_late():
    """The call that comes back when it was given up changes nothing."""

    async def slow(item):
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.06)

    for _ in range(12):
        run = iobound.map(slow, range(3), errors="collect", task_timeout=0.02, grace=0.02, concurrency=3)
        assert [type(outcome.error) for outcome in run] == [TimeoutError] * 3


def test_a_run_is_consumed_on_one_loop():
    """Another loop is refused, rather than told that it was cancelled."""

    async def nap(item):
        await asyncio.sleep(0.02 + item)
        return item

    run = iobound.map(nap, range(100))

    async def take():
        return await anext(run)

    assert asyncio.run(take()) == 0
    with pytest.raises(WrongUse, match="one loop"):
        asyncio.run(take())


@pytest.mark.parametrize("count", [12, 1000])
def test_a_function_may_give_a_coroutine_or_a_value(count):
    """A cache that answers at once, or asks: as long as nobody named a model."""

    def cached(item):
        return later(item) if item % 2 else item

    assert list(iobound.map(cached, range(count))) == [*range(count)]


@pytest.mark.parametrize(
    "keywords",
    [
        {"buffersize": 10**30},
        {"concurrency": 10**30},
        {"model": iobound.models.Threads},
        {"timeout": 10**400},
        {"task_timeout": 1e300},
        {"grace": float("inf")},
        {"ordered": "no"},
    ],
)
def test_what_could_only_fail_later_is_refused_at_once(keywords):
    """With a hint."""
    with pytest.raises((TypeError, ValueError)) as refused:
        iobound.map(str, [1], **keywords)
    assert refused.value.__notes__[0].startswith("hint: ")


def test_a_set_without_asyncio_says_so():
    with pytest.raises(TypeError, match="is async"):
        iobound.map(later, [1], model={"threads", "serial"})


@pytest.mark.parametrize(
    "keywords",
    [
        {"cost": 3},
        {"cost": 3, "key": str, "key_concurrency": 1},
        {"cost": 3, "rate": iobound.Limiter(concurrency=1)},
        {"cost": 3, "rate": iobound.Rate(1, cost=len)},
        {"rate": []},
        {"rate": iobound.Limiter(key_rate="1/s")},
        {"rate": ["1/s", iobound.Limiter(key_concurrency=1)]},
        {"key": later},
        {"key": functools.partial(later)},
        {"rate": "1/s", "cost": later},
        {"rate": "1/s", "cost": True},
    ],
    ids=repr,
)
def test_a_limit_that_would_limit_nothing_is_refused_at_once(keywords):
    """With a hint."""
    with pytest.raises((TypeError, ValueError)) as refused:
        iobound.map(str, [1], **keywords)
    assert refused.value.__notes__[0].startswith("hint: ")


def test_a_key_that_is_not_equal_to_itself_fails_its_item():
    """Or each item would have limits of its own."""
    keys = [1, float("nan"), 2]
    run = iobound.map(str, range(3), key=keys.__getitem__, key_rate="1000/s", errors="collect")
    outcomes = list(run)
    assert [type(outcome.error) for outcome in outcomes] == [type(None), ValueError, type(None)]
    assert "nan is not equal to itself" in str(outcomes[1].error)


@pytest.mark.parametrize("cost", [0, 0.0, lambda item: 0])
def test_an_item_may_cost_nothing(cost):
    """However it is told."""
    rate = iobound.Limiter(iobound.Rate(1, per=3600))
    assert len(list(iobound.map(str, range(50), rate=rate, cost=cost))) == 50
    assert rate.try_acquire() is not None


def test_a_cost_is_no_truth_value():
    with pytest.raises(ValueError, match="a cost of True"):
        list(iobound.map(str, [1], rate="1/s", cost=lambda item: True))


def test_a_run_says_what_it_is():
    """Before, meanwhile, and afterwards; and asks nobody."""

    class Source:
        def __iter__(self):
            return iter([1, 2, 3])

        def __len__(self):
            raise AssertionError

        __repr__ = __len__

    run = iobound.map(same, Source(), model="serial", feed="consumer")
    assert repr(run) == "<iobound.Run same: not started>"
    next(run)
    assert repr(run).startswith("<iobound.Run same: 1 succeeded, 0 failed, ")
    run.close()
    assert repr(run).endswith(", over>")
    unused = iobound.map(same, [])
    unused.close()
    assert repr(unused) == "<iobound.Run same: closed>"
