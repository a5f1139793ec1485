"""A run is consumed once, in one way, from one thread; and refuses bad options before anything starts."""

from __future__ import annotations

import asyncio
import threading

import pytest

import iobound


async def same(item):
    return item


async def test_a_run_is_its_own_iterator(world):
    """`iter(run) is run`, so it goes on where it was."""
    run = world.map(same, range(4))
    assert iter(run) is run
    assert aiter(run) is run
    assert await world.next(run) == 0
    assert await world.list(run) == [1, 2, 3]
    assert await world.list(run) == []


async def test_two_threads_are_refused(world):
    """The second thread gets a RuntimeError, the first goes on."""
    run, errors = world.map(same, range(4)), []
    assert await world.next(run) == 0

    def other():
        try:
            next(run)
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert len(errors) == 1
    assert await world.list(run) == [1, 2, 3]


async def test_mixed_ways_are_refused(world):
    """Plain after async, and async after plain."""
    run = world.map(same, range(4))
    assert await world.next(run) == 0
    wrong = (lambda: next(run)) if world.in_async else (lambda: asyncio.run(anext_of(run)))
    with pytest.raises(RuntimeError, match="one way"):
        wrong()
    assert await world.list(run) == [1, 2, 3]


async def anext_of(run):
    return await anext(run)


def test_another_loop_is_refused():
    """A run belongs to the loop that used it first."""
    run = iobound.map(abs, range(4))

    async def first():
        assert await anext(run) == 0

    async def second():
        with pytest.raises(RuntimeError):
            await anext(run)

    async def main():
        await first()
        thread = threading.Thread(target=asyncio.run, args=(second(),))
        thread.start()
        await asyncio.to_thread(thread.join)
        await run.aclose()

    asyncio.run(main())


BAD = {
    "fn": ((7, [1]), {}, "callable"),
    "items": ((abs, 7), {}, "iterable"),
    "unknown": ((abs, [1]), {"concurency": 3}, "concurency"),
    "model": ((abs, [1]), {"model": "thread"}, "model"),
    "model kind": ((abs, [1]), {"model": 7}, "model"),
    "no models": ((abs, [1]), {"model": set()}, "model"),
    "models": ((abs, [1]), {"model": {"threads", "fibers"}}, "fibers"),
    "concurrency 0": ((abs, [1]), {"concurrency": 0}, "concurrency"),
    "concurrency text": ((abs, [1]), {"concurrency": "many"}, "concurrency"),
    "concurrency flag": ((abs, [1]), {"concurrency": True}, "concurrency"),
    "concurrency share": ((abs, [1]), {"concurrency": 2.5}, "concurrency"),
    "concurrency none": ((abs, [1]), {"concurrency": None}, "concurrency"),
    "buffersize": ((abs, [1]), {"buffersize": 0}, "buffersize"),
    "cost of units": ((abs, [1]), {"rate": "9/s", "cost": {"requests": 2}}, "cost"),
    "feed": ((abs, [1]), {"feed": "thread"}, "feed"),
    "feed of an async source": ((abs, type("A", (), {"__aiter__": 1})()), {"feed": "consumer"}, "feed"),
    "errors": ((abs, [1]), {"errors": "ignore"}, "errors"),
    "max_errors alone": ((abs, [1]), {"max_errors": 3}, "max_errors"),
    "max_errors": ((abs, [1]), {"max_errors": -1, "errors": "skip"}, "max_errors"),
    "max_errors share": ((abs, [1]), {"max_errors": "3", "errors": "skip"}, "max_errors"),
    "max_errors over": ((abs, [1]), {"max_errors": "300%", "errors": "skip"}, "max_errors"),
    "max_errors nan": ((abs, [1]), {"max_errors": "nan%", "errors": "skip"}, "max_errors"),
    "task_timeout": ((abs, [1]), {"task_timeout": 0}, "task_timeout"),
    "task_timeout nan": ((abs, [1]), {"task_timeout": float("nan")}, "task_timeout"),
    "timeout": ((abs, [1]), {"timeout": "1s"}, "timeout"),
    "serial": ((abs, [1]), {"model": "serial", "task_timeout": 1}, "serial"),
    "grace": ((abs, [1]), {"grace": -1}, "grace"),
    "grace none": ((abs, [1]), {"grace": None}, "grace"),
    "max_abandoned": ((abs, [1]), {"max_abandoned": -1}, "max_abandoned"),
    "setup": ((abs, [1]), {"setup": "session"}, "setup"),
    "hooks": ((abs, [1]), {"hooks": [object()]}, "hooks"),
    "a hook alone": ((abs, [1]), {"hooks": object()}, "hooks"),
    "async on threads": ((same, [1]), {"model": "threads"}, "async"),
    "async on serial": ((same, [1]), {"model": "serial"}, "async"),
}


@pytest.mark.parametrize("make", [iobound.map, iobound.starmap])
@pytest.mark.parametrize("arguments, keywords, named", BAD.values(), ids=BAD)
def test_bad_arguments_are_refused_at_once(make, arguments, keywords, named):
    """Before anything starts, with the name of what is wrong, and a hint."""
    before = threading.active_count()
    with pytest.raises((TypeError, ValueError), match=named) as raised:
        make(*arguments, **keywords)
    assert any(note.startswith("hint: ") for note in raised.value.__notes__)
    assert threading.active_count() == before


def test_a_misspelt_keyword_names_its_neighbour():
    """As does a misspelt value."""
    with pytest.raises(TypeError) as raised:
        iobound.map(abs, [1], buffer_size=3)
    assert raised.value.__notes__ == ["hint: did you mean buffersize=?"]
    with pytest.raises(ValueError, match="asyncoi") as raised:
        iobound.map(abs, [1], model="asyncoi")
    assert "asyncio" in raised.value.__notes__[0]


def test_repeated_and_odd_but_valid_options_work():
    """Edges of what is allowed."""
    assert list(iobound.map(abs, [-1], concurrency=1, buffersize=1, grace=0, max_abandoned=0)) == [1]
    assert list(iobound.map(abs, [-1], errors="skip", max_errors="0%", timeout=1e9)) == [1]
    assert list(iobound.map(abs, [-1], model=["threads"], hooks=())) == [1]
