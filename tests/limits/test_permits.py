"""One passage through a limiter: who holds it, what is counted there, and what could never end."""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import pytest

import iobound
from iobound import Limiter, Rate
from iobound.testing import run_virtual
from iobound.words.spending import admitted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CEILING = 20.0
"""Seconds after which a thread that still waits has failed its test."""


def tokens(**more: Any) -> Rate:
    return Rate(100, unit="tokens", burst=100, **more)


# Leaving ----------------------------------------------------------------------------------------------------


def test_a_permit_left_in_another_context_lets_go_of_its_place() -> None:
    limiter = Limiter(concurrency=1)
    permit = limiter()
    copy_context().run(permit.__enter__)
    assert limiter.try_acquire() is None
    permit.__exit__(None, None, None)
    limiter.try_acquire().release()


def test_a_generator_that_is_closed_elsewhere_lets_go_of_its_place() -> None:
    limiter = Limiter(concurrency=1)

    async def held() -> AsyncIterator[None]:
        async with limiter():
            yield

    async def main() -> None:
        generator = held()
        await asyncio.create_task(anext(generator))  # type: ignore[arg-type]
        assert limiter.try_acquire() is None
        await asyncio.create_task(generator.aclose())  # type: ignore[attr-defined]
        limiter.try_acquire().release()

    run_virtual(main())


def test_what_was_left_elsewhere_counts_nothing_here_any_more() -> None:
    outer, inner = Limiter(tokens()), Limiter(tokens())
    with outer():
        permit = inner()
        permit.__enter__()
        copy_context().run(permit.__exit__)  # the context here still names it
        iobound.spent(tokens=90)
    assert outer.try_acquire(cost=11) is None
    assert inner.try_acquire(cost=99) is not None


def test_a_context_remembers_nobody_who_has_left() -> None:
    limiter = Limiter(concurrency=1)

    def leave_elsewhere() -> int:
        for _ in range(9):
            permit = limiter()
            permit.__enter__()
            copy_context().run(permit.__exit__)
        return len(admitted.get())

    assert copy_context().run(leave_elsewhere) == 1


# One permit, one passage ------------------------------------------------------------------------------------


def test_a_permit_cannot_be_entered_while_it_is_used() -> None:
    limiter = Limiter(concurrency=2)
    permit = limiter()
    with permit:
        with pytest.raises(RuntimeError, match="used to pass already") as caught, permit:
            pytest.fail("it was entered twice")
        with pytest.raises(RuntimeError, match="used to pass already"):
            permit.try_acquire()
        with limiter.try_acquire():
            assert limiter.try_acquire() is None  # the first place is still taken
    assert "call the limiter for each" in caught.value.__notes__[0]


def test_of_many_tasks_with_one_permit_one_enters() -> None:
    limiter = Limiter("10/s", concurrency=5)
    permit = limiter()

    async def one() -> None:
        async with permit:
            await asyncio.sleep(1)

    async def main() -> list[Any]:
        return await asyncio.gather(*(one() for _ in range(5)), return_exceptions=True)

    assert [type(each) for each in run_virtual(main())] == [type(None), *[RuntimeError] * 4]


def test_of_two_threads_with_one_permit_the_second_is_refused_while_the_first_waits() -> None:
    limiter, entered = Limiter(concurrency=1), []
    permit, place = limiter(), limiter.try_acquire()
    assert place is not None

    def wait() -> None:
        with permit:
            entered.append(True)

    thread = threading.Thread(target=wait)
    thread.start()
    while not limiter.waiting:
        pass
    with pytest.raises(RuntimeError, match="used to pass already"):
        permit.__enter__()
    place.release()
    thread.join(CEILING)
    assert entered == [True]


def test_a_permit_may_be_used_again_afterwards() -> None:
    limiter = Limiter(concurrency=1)
    permit = limiter()
    for _ in range(3):
        with permit:
            assert limiter.try_acquire() is None
    assert permit.try_acquire()
    with permit:
        assert limiter.try_acquire() is None
    with limiter():
        assert not permit.try_acquire()
    assert permit.try_acquire()
    permit.release()


def test_a_permit_that_was_refused_may_try_again() -> None:
    permit = Limiter(Rate(10, cost=lambda item: 1))()
    for _ in range(2):
        with pytest.raises(ValueError, match="is a function of an item"), permit:
            pytest.fail("it has no cost")


def test_entering_the_limiter_itself_is_refused_with_a_hint() -> None:
    limiter: Any = Limiter("1/s")

    async def enter() -> None:
        async with limiter:
            pytest.fail("it was entered")

    for wrong in (limiter.__enter__, lambda: asyncio.run(enter())):
        with pytest.raises(TypeError, match="cannot be entered") as caught:
            wrong()
        assert "with limiter()" in caught.value.__notes__[0]
    with pytest.raises(TypeError, match="cannot be entered"), limiter:
        pytest.fail("it was entered")


# What is counted where --------------------------------------------------------------------------------------


def test_spent_corrects_the_innermost_that_counts_the_unit() -> None:
    outer, inner, plain = Limiter(tokens()), Limiter(tokens()), Limiter("100/s", concurrency=1)
    with outer(), inner(), plain():
        iobound.spent(tokens=60)
    assert outer.try_acquire(cost=99) is not None  # one was charged, and stays charged
    assert inner.try_acquire(cost=41) is None
    assert inner.try_acquire(cost=40) is not None


def test_spent_inside_a_limiter_inside_a_call_reaches_the_run() -> None:
    run, inside = Limiter(tokens()), Limiter(concurrency=1)

    def ask(_: int) -> None:
        with inside():
            iobound.spent(60)

    assert list(iobound.map(ask, [1], rate=run)) == [None]
    assert run.try_acquire(cost=41) is None


def test_a_call_is_nearer_than_what_is_around_its_run() -> None:
    around, run = Limiter([tokens(), Rate(100, unit="pages", burst=100)]), Limiter(tokens())

    def ask(_: int) -> None:
        iobound.spent(tokens=60, pages=30)

    with around():
        assert list(iobound.map(ask, [1], rate=run)) == [None]
    assert run.try_acquire(cost=41) is None
    assert around.try_acquire(cost={"tokens": 99, "pages": 71}) is None
    assert around.try_acquire(cost={"tokens": 99, "pages": 70}) is not None


def test_the_error_names_all_that_is_counted_here() -> None:
    outer, inner = Limiter(tokens()), Limiter("100/s")
    with outer(), inner(), pytest.raises(LookupError, match="counts words") as caught:
        iobound.spent(tokens=90, words=5)
    assert "requests, tokens" in caught.value.__notes__[0]
    assert outer.try_acquire(cost=99) is not None  # nothing was corrected
    with pytest.raises(LookupError, match="outside"):
        iobound.spent(5)


# What would wait for itself ---------------------------------------------------------------------------------


def test_a_block_inside_a_block_of_the_same_single_place_is_refused() -> None:
    limiter = Limiter(concurrency=1)
    permit = limiter()
    with limiter(), pytest.raises(RuntimeError, match="waits for itself") as caught, permit:
        pytest.fail("there was no place")
    assert "pass the limiter once" in caught.value.__notes__[0]
    assert limiter.waiting == 0
    with permit:
        assert limiter.try_acquire() is None


@pytest.mark.parametrize("model", ["threads", "asyncio"])
def test_a_decorated_function_in_a_run_with_the_same_single_place_fails(model: Any) -> None:
    limiter = Limiter("1000/s", concurrency=1)

    @limiter
    def plain(item: int) -> int:
        return item

    @limiter
    async def native(item: int) -> int:
        return item

    fn: Any = plain if model == "threads" else native
    run: Any = iobound.map(fn, [1, 2], model=model, rate=limiter, errors="collect")
    told = "this waits for itself: it holds all there is of concurrency 1 already"
    assert [str(each.error) for each in run] == [told] * 2


def test_a_block_inside_a_block_of_the_only_place_of_a_key_is_refused_and_other_keys_pass() -> None:
    limiter = Limiter(key_concurrency=1)
    with limiter(key="a"):
        with limiter(key="b"):
            pass
        with pytest.raises(RuntimeError, match="holds all there is of concurrency 1 per key"), limiter(key="a"):
            pass
    with limiter(key="a"):
        pass


@pytest.mark.parametrize("model", ["threads", "asyncio"])
def test_a_call_that_waits_for_the_place_of_its_own_key_fails(model: Any) -> None:
    limiter = Limiter(key_concurrency=1)

    def plain(item: str) -> str:
        with limiter(key=item):
            return item

    async def native(item: str) -> str:
        async with limiter(key=item):
            return item

    fn: Any = plain if model == "threads" else native
    run: Any = iobound.map(fn, "ab", key=str, model=model, rate=limiter, errors="collect")
    assert [type(each.error) for each in run] == [RuntimeError] * 2


def test_as_many_blocks_as_there_are_places_are_refused_one_more() -> None:
    limiter = Limiter(concurrency=2)
    with limiter(), limiter(), pytest.raises(RuntimeError, match="waits for itself"), limiter():
        pytest.fail("there was no place")


@pytest.mark.parametrize("how", ["block", "run"])
def test_a_task_that_nobody_inside_waits_for_may_wait(how: str) -> None:
    """It finds the permit or the call in its context, and yet both will end without it."""
    limiter, tasks = Limiter(concurrency=1), []

    async def later() -> str:
        async with limiter():
            return "it was free again"

    async def inside(_: int = 0) -> None:
        tasks.append(asyncio.create_task(later()))
        await asyncio.sleep(1)

    async def main() -> list[str]:
        if how == "run":
            await iobound.map(inside, [1], rate=limiter)
        else:
            async with limiter():
                await inside()
        return await asyncio.gather(*tasks)

    assert run_virtual(main()) == ["it was free again"]


def test_a_thread_that_nobody_inside_waits_for_may_wait() -> None:
    limiter, entered = Limiter(concurrency=1), []

    def later() -> None:
        with limiter():
            entered.append(True)

    with limiter():
        thread = threading.Thread(target=copy_context().run, args=(later,))
        thread.start()
        while not limiter.waiting:
            pass
    thread.join(CEILING)
    assert entered == [True]
