"""The virtual loop: time jumps when nothing is ready, and only then."""

from __future__ import annotations

import asyncio
import socket
import time
from threading import Thread

import pytest

import iobound
from iobound.testing import HANG, Act, AsyncScripted, Scripted, VirtualClock, run_virtual


def now() -> float:
    return asyncio.get_running_loop().time()


def test_sleeping_takes_no_time_and_keeps_its_order() -> None:
    seen: list[tuple[str, float]] = []

    async def body(name: str, *naps: float) -> None:
        for nap in naps:
            await asyncio.sleep(nap)
            seen.append((name, now()))

    async def main() -> None:
        await asyncio.gather(body("a", 3600, 3600), body("b", 5400))

    begun = time.monotonic()
    run_virtual(main())
    assert seen == [("a", 3600.0), ("b", 5400.0), ("a", 7200.0)]
    assert time.monotonic() - begun < 5


def test_centuries_pass() -> None:
    assert run_virtual(asyncio.sleep(1e10, "done")) == "done"


def test_timeouts_strike() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await asyncio.Event().wait()
        return now()

    assert run_virtual(main()) == 60.0


def test_appointments_of_the_clock_are_kept_on_the_way() -> None:
    clock = VirtualClock()
    seen: list[float] = []
    clock.call_at(5.0, lambda: seen.append(clock.now()))
    run_virtual(asyncio.sleep(10), clock=clock)
    assert (seen, clock.now()) == ([5.0], 10.0)


def test_a_deadlock_is_named() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="deadlock"):
        run_virtual(main())


def test_a_thread_may_still_ring() -> None:
    async def main() -> tuple[str, float]:
        result = await asyncio.wait_for(asyncio.to_thread(lambda: time.sleep(0.005) or "done"), timeout=3600)
        return result, now()

    assert run_virtual(main(), patience=5.0) == ("done", 0.0)


def test_a_thread_that_rings_without_any_timer_is_waited_for() -> None:
    async def main() -> None:
        event, loop = asyncio.Event(), asyncio.get_running_loop()
        Thread(target=lambda: (time.sleep(0.1), loop.call_soon_threadsafe(event.set))).start()
        await event.wait()

    run_virtual(main(), patience=0.01)


def test_a_silent_thread_is_overtaken() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(time.sleep, 0.3), timeout=3600)
        return now()

    assert run_virtual(main(), patience=0.01) == 3600.0


def test_a_socket_may_still_be_ready() -> None:
    async def main() -> tuple[bytes, float]:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        theirs.sendall(b"hello\n")
        line = await asyncio.wait_for(reader.readline(), 3600)
        writer.close()
        theirs.close()
        return line, now()

    assert run_virtual(main()) == (b"hello\n", 0.0)


def test_a_run_on_the_loop_lives_by_its_clock() -> None:
    fetch = AsyncScripted({1: HANG}, default=Act(seconds=30))

    async def main() -> tuple[list[bool], float]:
        run = iobound.map(fetch, range(4), task_timeout=60, errors="collect", concurrency=4)
        outcomes = [outcome async for outcome in run]
        assert [outcome.duration for outcome in outcomes] == [30.0, 60.0, 30.0, 30.0]
        assert run.stats.elapsed >= 60
        return [outcome.ok for outcome in outcomes], now()

    assert run_virtual(main()) == ([True, False, True, True], 60.0)
    assert fetch.calls[1].cancelled == 1


def test_a_stubborn_call_is_given_up_after_grace_and_its_late_result_dropped() -> None:
    fetch = AsyncScripted({0: Act(seconds=100, stubborn=True)}, default=Act(seconds=80))

    async def main() -> list[tuple[object, object]]:
        run = iobound.map(fetch, range(3), task_timeout=90, grace=2, errors="collect", concurrency=2)
        outcomes = [(type(outcome.error), outcome.value) async for outcome in run]
        assert run.stats.abandoned == 1
        return outcomes

    none = type(None)
    assert run_virtual(main()) == [(TimeoutError, None), (none, 1), (none, 2)]


def test_a_run_on_threads_consumed_on_the_loop_lives_by_its_clock() -> None:
    with Scripted({1: HANG}) as fetch:

        async def main() -> list[bool]:
            run = iobound.map(fetch, range(3), task_timeout=3600, errors="collect")
            return [outcome.ok async for outcome in run]

        begun = time.monotonic()
        assert run_virtual(main()) == [True, False, True]
        assert time.monotonic() - begun < 10
