"""Promise 7: never a coroutine as a result, and no function called twice."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import inspect
import sys

import pytest

import iobound


async def native(item, extra=0):
    await asyncio.sleep(0)
    return item + extra


class Callable:
    async def __call__(self, item):
        return await native(item)

    async def method(self, item):
        return await native(item)

    @classmethod
    async def by_class(cls, item):
        return await native(item)

    @staticmethod
    async def static(item):
        return await native(item)


@functools.wraps(native)
def wrapper(item):
    return native(item)


@functools.wraps(native)
async def async_wrapper(item):
    return await native(item)


def plain(item):
    return native(item)


KNOWN = {
    "native": native,
    "partial": functools.partial(native, extra=0),
    "partial of partial": functools.partial(functools.partial(native), extra=0),
    "object": Callable(),
    "partial of an object": functools.partial(Callable()),
    "method": Callable().method,
    "class method": Callable.by_class,
    "static method": Callable.static,
    "wrapper": wrapper,
    "async wrapper": async_wrapper,
    "partial of a wrapper": functools.partial(wrapper),
}
if sys.version_info >= (3, 12):
    KNOWN["marked"] = inspect.markcoroutinefunction(lambda item: native(item))  # noqa: PLW0108


@pytest.mark.parametrize("fn", KNOWN.values(), ids=KNOWN)
@pytest.mark.parametrize("model", ["auto", "asyncio"])
async def test_coroutine_functions_are_known_without_calling(consumer, fn, model):
    """They run on the loop from the first item on; and are refused on plain models before anything starts."""
    threads = []

    def source():
        yield from range(3)
        threads.extend(name for name in consumer.left_over() if name == "iobound worker" and not consumer.in_async)

    assert await consumer.list(iobound.map(fn, source(), model=model)) == [0, 1, 2]
    assert threads == []
    for refusing in ("threads", "serial", {"threads"}):
        with pytest.raises(TypeError, match="is async") as raised:
            iobound.map(fn, [1], model=refusing)
        assert any(note.startswith("hint: ") for note in raised.value.__notes__)


LATE = {
    "lambda": lambda item: native(item),  # noqa: PLW0108 - as users write it
    "plain": plain,
    "partial": functools.partial(plain),
}


@pytest.mark.parametrize("fn", LATE.values(), ids=LATE)
@pytest.mark.parametrize("model", ["auto", "asyncio", {"threads", "asyncio"}])
async def test_a_plain_function_that_returns_coroutines_is_awaited(consumer, fn, model):
    """Every result is a value, in order."""
    assert await consumer.list(iobound.map(fn, range(200), model=model, concurrency=8)) == [*range(200)]


async def test_nothing_is_called_twice_when_auto_switches(consumer):
    """The very coroutines that threads were given are awaited; each once."""
    made, awaited = [], []

    async def inner(item, number):
        awaited.append(number)
        return item

    def fn(item):
        made.append(item)
        return inner(item, len(made))

    for _ in range(20):
        made.clear(), awaited.clear()
        assert await consumer.list(iobound.map(fn, range(40), concurrency=8)) == [*range(40)]
        assert sorted(made) == [*range(40)]
        assert len(awaited) == len(set(awaited)) == 40


@pytest.mark.parametrize("model", ["threads", "serial", {"threads"}])
@pytest.mark.parametrize("errors", ["raise", "collect"])
async def test_a_coroutine_under_a_plain_model_fails_its_item(consumer, model, errors):
    """With a hint; the coroutine is closed, so that Python has nothing to complain about."""
    run = iobound.map(plain, range(3), model=model, errors=errors)
    if errors == "raise":
        with pytest.raises(TypeError, match="coroutine") as raised:
            await consumer.list(run)
        found = [raised.value]
    else:
        found = [outcome.error for outcome in await consumer.list(run)]
        assert len(found) == 3
    assert all("hint: " in error.__notes__[0] for error in found)


@pytest.mark.parametrize("model", ["auto", "threads", "serial"])
async def test_other_awaitables_are_values(consumer, model):
    """A Future, or any object with `__await__`, is what a plain function returned."""

    class Awaitable:
        def __await__(self):
            raise AssertionError

    values = [Awaitable(), concurrent.futures.Future()]
    run = iobound.map(lambda index: values[index], range(2), model=model)
    assert await consumer.list(run) == values


async def test_other_awaitables_are_awaited_under_model_asyncio(consumer):
    """There the function promises something to await; what is not is refused."""

    class Awaitable:
        def __await__(self):
            yield from asyncio.sleep(0).__await__()
            return "awaited"

    assert await consumer.list(iobound.map(lambda item: Awaitable(), [1], model="asyncio")) == ["awaited"]
    with pytest.raises(TypeError, match="cannot be awaited") as raised:
        await consumer.list(iobound.map(lambda item: item, [1], model="asyncio"))
    assert any(note.startswith("hint: ") for note in raised.value.__notes__)


async def test_with_setup_a_late_coroutine_is_refused(consumer):
    """Which manager would it be? The hint says what to do."""
    import contextlib

    run = iobound.map(lambda item, thing: native(item), [1], setup=contextlib.nullcontext)
    with pytest.raises(TypeError, match="coroutine"):
        await consumer.list(run)


async def test_a_mixed_function_may_return_both(consumer):
    """Once auto has switched, plain values of the same function are still its values, or refused: never lost."""

    def fn(item):
        return native(item) if item % 2 else item

    outcomes = await consumer.list(iobound.map(fn, range(20), errors="collect"))
    assert [outcome.index for outcome in outcomes] == [*range(20)]
    assert [outcome.value for outcome in outcomes if outcome.index % 2] == [*range(1, 20, 2)]
