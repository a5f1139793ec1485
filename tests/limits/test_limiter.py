"""`Limiter`: in `with`, in `async with`, as a decorator, shared by threads and loops."""

from __future__ import annotations

import asyncio
import threading
import warnings
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

import iobound
from iobound import BlockingLoopWarning, Limiter, Overloaded, Rate
from iobound.testing import run_virtual

BRISK = Rate(1000, per=20, burst=1)
"""One in 20 ms, where real time passes."""


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_block_waits_for_the_rate() -> None:
    limiter = Limiter(Rate(10, burst=1))

    async def main() -> list[float]:
        times = []
        for _ in range(4):
            async with limiter():
                times.append(round(now(), 6))
        return times

    assert run_virtual(main()) == [0.0, 0.1, 0.2, 0.3]


def test_waiting_is_first_come_first_served() -> None:
    limiter, order = Limiter(Rate(10, burst=1)), []

    async def one(name: int, cost: float) -> None:
        async with limiter(cost=cost):
            order.append(name)

    async def main() -> None:
        await asyncio.gather(*(one(number, 1 + 4 * (number % 3)) for number in range(12)))

    run_virtual(main())
    assert order == [*range(12)]


def test_a_cancelled_waiter_leaves_the_queue_and_costs_nothing() -> None:
    limiter = Limiter(Rate(1, burst=1))

    async def wait() -> float:
        async with limiter():
            return now()

    async def main() -> float:
        await wait()
        tasks = [asyncio.ensure_future(wait()) for _ in range(3)]
        await asyncio.sleep(0.5)
        tasks[0].cancel()
        tasks[1].cancel()
        return await tasks[2]

    assert run_virtual(main()) == pytest.approx(1.0)
    assert limiter.waiting == 0


def test_no_more_are_inside_than_may_be() -> None:
    limiter, inside, most = Limiter(concurrency=3, key_concurrency=2), 0, 0

    async def one(number: int) -> None:
        nonlocal inside, most
        async with limiter(key=number % 2):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(1)
            inside -= 1

    async def main() -> float:
        await asyncio.gather(*(one(number) for number in range(9)))
        return now()

    assert run_virtual(main()) == 3.0
    assert most == 3


def test_a_full_queue_is_overloaded_at_once() -> None:
    limiter = Limiter("1/s", queue=2)

    async def one() -> None:
        async with limiter():
            pass

    async def main() -> list[Any]:
        return await asyncio.gather(*(one() for _ in range(5)), return_exceptions=True)

    assert [type(result) for result in run_virtual(main())] == [type(None)] * 3 + [Overloaded] * 2


def test_try_acquire_never_waits() -> None:
    limiter = Limiter(concurrency=1)
    permit = limiter.try_acquire()
    assert permit is not None
    assert limiter.try_acquire() is None
    permit.release()
    with limiter.try_acquire() or pytest.fail("it was free"):
        assert limiter.try_acquire() is None
    limiter.try_acquire().release()


def test_an_error_inside_lets_the_next_one_in() -> None:
    limiter = Limiter(concurrency=1)
    with pytest.raises(KeyError), limiter():
        raise KeyError
    limiter.try_acquire().release()  # it is free


def test_threads_and_a_loop_share_it(ledger: Any) -> None:
    limiter, done = Limiter(Rate(2000, burst=5)), []

    @limiter
    def plain(number: int) -> None:
        done.append(number)

    @limiter
    async def native(number: int) -> None:
        done.append(number)

    async def main() -> None:
        await asyncio.gather(*(native(number) for number in range(60)))

    threads = [threading.Thread(target=lambda: [plain(number) for number in range(60)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    asyncio.run(main())
    assert len(list(iobound.map(done.append, range(60), rate=limiter))) == 60
    for thread in threads:
        thread.join()
    assert len(done) == len(ledger.taken) == 300
    assert ledger.excess() <= 0


def test_costs_by_unit_and_by_function() -> None:
    limiter = Limiter(["1000/s", Rate(100, burst=100, cost=len, unit="letters")])

    @limiter
    def ask(prompt: str) -> str:
        iobound.spent(letters=1)
        return prompt

    assert ask("x" * 90) == "x" * 90
    assert limiter.try_acquire(cost={"letters": 95}) is not None
    with pytest.raises(ValueError, match="the cost in letters is a function of an item"):
        limiter.try_acquire()
    with pytest.raises(ValueError, match="can never pass"):
        limiter.try_acquire(cost={"letters": 101})


@pytest.mark.parametrize("cost", [-1, float("nan"), 11])
def test_a_cost_that_makes_no_sense_is_refused_where_it_is_written(cost: float) -> None:
    with pytest.raises(ValueError, match=r"is not valid|can never pass"):
        Limiter("10/s")(cost=cost)


def test_a_key_may_have_several_rates() -> None:
    limiter = Limiter(key_rate=[Rate(10, burst=10), Rate(3, per=60, burst=3)])
    passed = [limiter.try_acquire(key=key) for key in "aaaab"]
    assert [permit is not None for permit in passed] == [True, True, True, False, True]
    with pytest.raises(ValueError, match="limits nothing"):
        Limiter(key_rate=[])


def test_a_permit_that_is_dropped_tells_that_its_place_is_lost() -> None:
    """Collection may happen inside any lock, so nothing is given back there."""
    limiter = Limiter(concurrency=2)
    limiter.try_acquire().release()
    with pytest.warns(ResourceWarning, match="its place is lost"):
        assert limiter.try_acquire() is not None
    with limiter.try_acquire():
        assert limiter.try_acquire() is None


def test_spent_inside_a_block_is_of_the_block() -> None:
    limiter = Limiter(Rate(10, burst=10))

    async def main() -> float:
        async with limiter(cost=10):
            iobound.spent(2)
        async with limiter(cost=8):
            return now()

    assert run_virtual(main()) == 0.0


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"rate": []},
        {"rate": [], "concurrency": 1},
        {"rate": "fast"},
        {"concurrency": 0},
        {"key_concurrency": "2"},
        {"rate": "1/s", "queue": -1},
    ],
    ids=repr,
)
def test_a_limiter_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        Limiter(**wrong)
    assert "hint" in "".join(caught.value.__notes__)


def test_what_is_passed_by_name_is_the_first_argument_too() -> None:
    limiter = Limiter(key_rate=Rate(1, per=3600))
    told: list[str] = []

    @limiter(key=told.append)
    def get(url: str) -> str:
        return url

    assert (get("a"), told) == ("a", ["a"])
    limiter = Limiter(Rate(10, cost=len, unit="letters"))
    get = limiter(get.__wrapped__)
    with pytest.raises(ValueError, match="can never pass"):
        get(url="x" * 11)


def test_rates_of_one_unit_share_one_cost() -> None:
    with pytest.raises(ValueError, match="two rates count requests") as caught:
        Limiter([Rate(100, cost=1), Rate(60_000, per=60, cost=lambda item: 500)])
    assert "share one cost" in caught.value.__notes__[0]
    assert Limiter([Rate(100, cost=2), Rate(1000, per=60, cost=2)]).try_acquire() is not None


def test_a_decorated_function_keeps_its_name_and_colour() -> None:
    @Limiter("100/s")
    async def fetch(url: str) -> str:
        """Fetch."""
        return url

    assert (fetch.__name__, fetch.__doc__) == ("fetch", "Fetch.")
    assert list(iobound.map(fetch, ["a"])) == ["a"]


def generator() -> Any:
    yield 1


async def async_generator() -> Any:
    yield 1


async def later(_: Any = None) -> int:
    return 1


class Later:
    async def __call__(self, item: Any) -> int:
        return 1


@pytest.mark.parametrize(
    "wrong",
    [3, "a", generator, async_generator, partial(generator), classmethod(len), staticmethod(len), property(len)],
    ids=repr,
)
def test_what_cannot_be_decorated_is_refused_with_a_hint(wrong: Any) -> None:
    with pytest.raises(TypeError) as caught:
        Limiter("1/s")(wrong)
    assert "hint" in caught.value.__notes__[0]


def test_a_limiter_below_staticmethod_and_contextmanager_works() -> None:
    class Client:
        @staticmethod
        @Limiter("100/s")
        def get(url: str) -> str:
            return url

    assert Client.get("a") == Client().get("a") == "a"
    with Limiter("100/s")(contextmanager(generator))() as value:
        assert value == 1


@pytest.mark.parametrize(
    "limiter, given",
    [
        (Limiter(Rate(10, unit="tokens")), {"cost": {"token": 5}}),
        (Limiter(concurrency=1), {"cost": {"tokens": 5}}),
        (Limiter(concurrency=1), {"cost": 3}),
        (Limiter(concurrency=1), {"cost": {1: 5, "a": 2}}),
        (Limiter(Rate(10, cost=len)), {"cost": 3}),
        (Limiter([Rate(10, cost=len), Rate(100, per=60)]), {"cost": 3}),
        (Limiter("10/s"), {"cost": True}),
        (Limiter("10/s"), {"cost": {"requests": True}}),
        (Limiter("10/s"), {"cost": later}),
        (Limiter("10/s"), {"cost": Later()}),
        (Limiter("10/s"), {"key": partial(later)}),
        (Limiter(key_rate="10/s"), {"key": float("nan")}),
    ],
    ids=repr,
)
def test_a_cost_or_key_that_would_do_nothing_is_refused_with_a_hint(limiter: Limiter, given: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)) as caught, limiter(**given):
        pytest.fail("it was let in")
    assert "hint" in caught.value.__notes__[0]


def test_a_misspelt_unit_is_told_what_is_counted() -> None:
    limiter = Limiter(["10/s", Rate(10, unit="tokens")])
    with pytest.raises(ValueError, match="'token', and no rate here counts that") as caught:
        limiter.try_acquire(cost={"token": 5})
    assert "requests, tokens" in caught.value.__notes__[0]


def test_a_decorator_whose_cost_gives_nothing_is_an_error() -> None:
    @Limiter("10/s")(cost=lambda item: None)  # type: ignore[arg-type, return-value]
    def get(item: int) -> int:
        return item

    with pytest.raises(TypeError, match="cost=None"):
        get(1)


def test_no_cost_at_all_is_a_cost() -> None:
    limiter = Limiter(Rate(10, burst=10))
    for cost in (0, 0.0, {"requests": 0}):
        with limiter(cost=cost):
            pass
    assert limiter.try_acquire(cost=10) is not None
    told_later = Limiter(Rate(10, burst=10, cost=0))
    with told_later():
        iobound.spent(4)
    assert told_later.try_acquire(cost={"requests": 7}) is None


def test_a_limiter_reads_as_it_is_made() -> None:
    assert repr(Limiter("100/s", concurrency=2)) == "Limiter('100/s', concurrency=2)"
    assert repr(Limiter(["1/s", Rate(9, unit="tokens")])) == "Limiter(['1/s', Rate('9 tokens/s')])"
    assert repr(Limiter(key_rate="1/s", key_concurrency=3)) == "Limiter(key_rate='1/s', key_concurrency=3)"


def test_waiting_in_plain_with_inside_a_loop_is_said() -> None:
    limiter = Limiter(BRISK)

    async def main() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with limiter():
                pass  # it is open: nothing is blocked
        with pytest.warns(BlockingLoopWarning, match="async with") as said, limiter():
            pass
        assert said[0].filename == __file__

    asyncio.run(main())


def test_a_plain_function_that_waits_inside_a_loop_is_said_too() -> None:
    @Limiter(BRISK)
    def fetch() -> None: ...

    async def main() -> None:
        fetch()
        with pytest.warns(BlockingLoopWarning) as said:
            fetch()
        assert said[0].filename == __file__

    asyncio.run(main())


def test_waiting_elsewhere_is_not_said() -> None:
    limiter = Limiter(BRISK)

    async def main() -> None:
        for _ in range(3):
            async with limiter():
                pass

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run_virtual(main())
        for _ in range(2):
            with limiter():
                pass


class FadingKey:
    """A key that can be checked, looked up and added, and no more."""

    def __init__(self) -> None:
        self.looked = 0

    def __hash__(self) -> int:
        self.looked += 1
        if self.looked > 3:
            raise ZeroDivisionError
        return 0


def test_forgetting_a_key_that_cannot_be_looked_up_hurts_no_other() -> None:
    """Idle keys are forgotten when there are many."""
    limiter, fading = Limiter(key_concurrency=1), FadingKey()
    with limiter(key=fading):
        pass
    for key in range(3000):
        with limiter(key=key):
            pass
    assert fading.looked > 3  # somebody has tried
    [gate] = limiter.limits.keyed
    assert len(gate.gates) < 2500  # and has forgotten the others
