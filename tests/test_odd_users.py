"""What users do that nobody planned for: each once ended in silence, in a hang, or in the wrong error."""

import asyncio
import functools

import pytest

import iobound


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
    def run():
        asyncio.run(test())

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
        with pytest.raises(RuntimeError, match="two coroutines"):
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
