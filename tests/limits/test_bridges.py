"""`to_async` and `to_sync`."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest

import iobound
from iobound import ItemCancelled, Overloaded, to_async, to_sync
from iobound.api import bridges

if TYPE_CHECKING:
    from collections.abc import Callable

place: ContextVar[str] = ContextVar("place", default="nowhere")


def test_calls_run_beside_the_loop_in_at_most_so_many_threads() -> None:
    lock, inside, most, names = threading.Lock(), 0, 0, set()
    all_in = threading.Event()

    def work(number: int) -> int:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
            names.add(threading.current_thread().name)
        if inside == 3:
            all_in.set()
        all_in.wait(5)
        with lock:
            inside -= 1
        return number

    bridge = to_async(work, threads=3)

    async def main() -> list[int]:
        return await asyncio.gather(*(bridge(number) for number in range(20)))

    assert asyncio.run(main()) == [*range(20)]
    assert most == len(names) == 3


def test_too_much_is_overloaded_at_once() -> None:
    gate = threading.Event()
    bridge = to_async(gate.wait, threads=1, queue=2)

    async def main() -> list[Any]:
        tasks = [asyncio.ensure_future(bridge(5)) for _ in range(5)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(main())
    assert results.count(True) == 3
    assert [type(result) for result in results[3:]] == [Overloaded, Overloaded]


def test_the_context_of_the_caller_is_seen_and_not_changed() -> None:
    def work() -> str:
        seen = place.get()
        place.set("elsewhere")
        return seen

    bridge = to_async(work)

    async def main() -> tuple[str, str]:
        place.set("here")
        return await bridge(), place.get()

    assert asyncio.run(main()) == ("here", "here")


def test_errors_are_those_of_the_function() -> None:
    async def main() -> None:
        await to_async(int)("x")

    with pytest.raises(ValueError, match="invalid literal"):
        asyncio.run(main())


def test_a_cancelled_call_that_has_not_begun_never_begins() -> None:
    gate, made = threading.Event(), []

    def work(number: int) -> None:
        made.append(number)
        gate.wait(5)

    bridge = to_async(work, threads=1)

    async def main() -> None:
        first = asyncio.ensure_future(bridge(0))
        second = asyncio.ensure_future(bridge(1))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.sleep(0)
        gate.set()
        await first
        await bridge(2)

    asyncio.run(main())
    assert made == [0, 2]


def test_a_call_that_hangs_is_given_up_and_its_thread_replaced() -> None:
    gate = threading.Event()

    def work(number: int) -> int:
        if number < 2:
            gate.wait(5)
        return number

    bridge = to_async(work, threads=2, queue=50, timeout=0.05)

    async def main() -> list[Any]:
        results = await asyncio.gather(*(bridge(number) for number in range(10)), return_exceptions=True)
        gate.set()
        return results

    results = asyncio.run(main())
    assert [type(result) for result in results[:2]] == [TimeoutError, TimeoutError]
    assert results[2:] == [*range(2, 10)]


def test_when_every_thread_and_its_stand_in_hang_those_that_wait_and_come_are_told() -> None:
    gate = threading.Event()
    bridge = to_async(gate.wait, threads=1, queue=9, timeout=0.02)

    async def main() -> list[type]:
        first = await asyncio.gather(*(bridge(5) for _ in range(4)), return_exceptions=True)
        last = await asyncio.gather(bridge(5), return_exceptions=True)
        gate.set()
        while isinstance((back := (await asyncio.gather(bridge(5), return_exceptions=True))[0]), iobound.HungCalls):
            await asyncio.sleep(0.001)
        assert back is True
        return [type(error) for error in first + last]

    assert asyncio.run(main()) == [TimeoutError] * 2 + [iobound.HungCalls] * 3


def test_plain_code_calls_async_functions_on_one_loop() -> None:
    async def loop_of() -> Any:
        await asyncio.sleep(0)
        return asyncio.get_running_loop(), place.get()

    async def other() -> Any:
        return asyncio.get_running_loop()

    place.set("here")
    loop, seen = to_sync(loop_of)()
    assert loop is to_sync(other)()
    assert seen == "here"


def test_errors_and_results_come_back() -> None:
    async def divide(number: float) -> float:
        await asyncio.sleep(0)
        return 1 / number

    assert to_sync(divide)(4) == 0.25
    with pytest.raises(ZeroDivisionError):
        to_sync(divide)(0)


def test_inside_a_loop_it_warns_and_on_its_own_it_refuses() -> None:
    async def inner() -> int:
        return 1

    async def main() -> int:
        with pytest.warns(iobound.BlockingLoopWarning):
            return to_sync(inner)()

    assert asyncio.run(main()) == 1

    async def recursive() -> int:
        return to_sync(inner)()

    with pytest.raises(RuntimeError, match="would wait for itself"):
        to_sync(recursive)()


@pytest.mark.parametrize("wrong", [5, None, len])
def test_to_sync_takes_async_functions_only(wrong: Any) -> None:
    with pytest.raises(TypeError):
        to_sync(wrong)


def test_to_async_takes_plain_functions_only() -> None:
    async def fetch() -> None: ...

    for wrong in (5, fetch):
        with pytest.raises(TypeError):
            to_async(wrong)  # type: ignore[arg-type]
    for keywords in ({"threads": 0}, {"queue": -1}, {"timeout": 0}):
        with pytest.raises(ValueError, match="is not valid"):
            to_async(len, **keywords)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("timeout", [None, 5])
@pytest.mark.parametrize("kind", [StopIteration, StopAsyncIteration, GeneratorExit])
def test_what_steers_generators_surfaces_as_runtime_error(kind: type[BaseException], timeout: float | None) -> None:
    """As in a run: no future and no coroutine could carry it."""
    error = kind("mine")

    def work() -> None:
        raise error

    with pytest.raises(RuntimeError, match=kind.__name__) as raised:
        asyncio.run(to_async(work, timeout=timeout)())
    assert raised.value.__cause__ is error


@pytest.mark.timeout(10)
def test_a_cancellation_that_nobody_asked_for_is_no_cancellation_of_the_caller() -> None:
    def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(ItemCancelled):
        asyncio.run(to_async(work)())


def stop() -> None:
    asyncio.get_running_loop().stop()


def leave() -> None:
    raise SystemExit(7)


def interrupt() -> None:
    raise KeyboardInterrupt


async def in_a_task(work: Callable[[], None]) -> None:
    await asyncio.ensure_future(at_once(work))


async def in_a_callback(work: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_soon(work)


async def at_once(work: Callable[[], None]) -> None:
    work()


@pytest.mark.timeout(10)
@pytest.mark.parametrize("how", [at_once, in_a_task, in_a_callback])
@pytest.mark.parametrize("what", [stop, leave, interrupt])
def test_a_call_that_leaves_the_shared_loop_hurts_no_other(what: Callable[[], None], how: Any) -> None:
    """It has its error; those beside it are finished, and later ones are made."""
    waits, go_on, got = threading.Event(), asyncio.Event(), []

    async def neighbour() -> str:
        waits.set()
        await go_on.wait()
        return "done"

    async def open_it() -> None:
        go_on.set()

    thread = threading.Thread(target=lambda: got.append(to_sync(neighbour)()))
    thread.start()
    waits.wait(5)
    if what is stop or how is in_a_callback:
        to_sync(how)(what)
    else:
        with pytest.raises((SystemExit, KeyboardInterrupt)):
            to_sync(how)(what)
    to_sync(open_it)()
    thread.join(5)
    assert got == ["done"]


@pytest.mark.timeout(10)
def test_a_loop_whose_thread_has_ended_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it died of."""

    async def loop() -> Any:
        return asyncio.get_running_loop()

    def die() -> None:
        monkeypatch.undo()
        raise SystemError("the loop is broken")

    first = to_sync(loop)()
    thread = bridges._background.thread
    assert thread is not None
    monkeypatch.setattr(first, "run_forever", die)
    with monkeypatch.context() as patch:
        patch.setattr(threading, "excepthook", lambda _: None)
        first.call_soon_threadsafe(first.stop)
        thread.join(5)
    assert to_sync(loop)() is not first
