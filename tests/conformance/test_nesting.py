"""Promises 15 and 16: runs inside calls, and processes forked in mid-run."""

from __future__ import annotations

import sys

import pytest

import iobound


async def test_calls_may_start_runs(world):
    """Three deep with two slots each: no pool is shared, so nothing waits for itself."""

    def nested(depth):
        async def body(item):
            if depth == 0:
                return item
            inner = world.map(nested(depth - 1), range(3), concurrency=2)
            if world.on_loop:
                return sum([value async for value in inner])
            return sum(inner)

        return body

    assert await world.run(nested(3), range(5), concurrency=2) == [27] * 5


async def test_plain_runs_inside_async_calls_and_the_reverse(consumer):
    """Colours mix as well: an async call may await a run of a plain function, a plain one iterate an async one."""

    async def leaf(item):
        return item

    def plain(item):
        return sum(iobound.map(leaf, range(3), concurrency=2))

    async def native(item):
        return sum(await iobound.map(plain, range(3), concurrency=2))

    assert await consumer.list(iobound.map(native, range(4), concurrency=2)) == [9] * 4


async def test_the_source_of_a_run_may_be_made_of_runs(consumer):
    """A generator that iterates a run is a source like any other."""

    def source():
        yield from iobound.map(abs, range(-5, 0))

    assert await consumer.list(iobound.map(abs, source())) == [5, 4, 3, 2, 1]


async def test_an_error_in_an_inner_run_is_the_error_of_its_item(world):
    """And names the inner item."""

    async def inner(item):
        raise ValueError("inner")

    async def body(item):
        run = world.map(inner, [1])
        return [value async for value in run] if world.on_loop else list(run)

    outcomes = await world.run(body, range(3), errors="collect")
    assert [str(outcome.error) for outcome in outcomes] == ["inner"] * 3


FORK = """
import asyncio, os, signal, sys, threading, warnings, iobound
warnings.filterwarnings("ignore", "This process", DeprecationWarning)
signal.alarm(20)
model, consumer = sys.argv[1:]
valve = threading.Event()

def plain(item):
    return item

async def native(item):
    await asyncio.sleep(0)
    return item

fn = native if model == "asyncio" else plain

def check_child(run):
    try:
        next(run)
    except RuntimeError:
        pass
    else:
        print("the parent's run went on in the child")
    run.close()
    run.cancel()
    assert run.stats.pulled >= 0
    del run
    assert list(iobound.map(fn, range(50), model=model)) == [*range(50)]
    assert list(iobound.map(plain, (i for i in range(50)))) == [*range(50)]

def child(run):
    code = 1
    try:
        check_child(run)
        code = 0
    finally:
        sys.stdout.flush()
        os._exit(code)

def forked(run):
    pid = os.fork()
    if not pid:
        thread = threading.Thread(target=child, args=(run,)) if consumer == "async" else None
        child(run) if thread is None else (thread.start(), thread.join())
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def source():
    yield from range(500)

run = iobound.map(fn, source(), model=model, concurrency=4, buffersize=16)
if consumer == "plain":
    got = [next(run) for _ in range(100)]
    codes = [forked(run) for _ in range(3)]
    got += list(run)
else:
    async def main():
        got = [await anext(run) for _ in range(100)]
        codes = [forked(run) for _ in range(3)]
        return codes, got + [each async for each in run]
    codes, got = asyncio.run(main())
assert got == [*range(500)], got
print(codes)
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork here")
@pytest.mark.parametrize("model", ["serial", "threads", "asyncio"])
def test_a_fork_in_mid_run(program, model):
    """The child uses iobound afresh; the parent's run is inert there, and goes on in the parent."""
    assert program(FORK, model, "plain", silent=sys.version_info < (3, 12)) == "[0, 0, 0]\n"


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork here")
@pytest.mark.parametrize("model", ["threads", "asyncio"])
def test_a_fork_in_mid_run_of_async_code(program, model):
    """The same while the parent is consumed on a loop."""
    assert program(FORK, model, "async", silent=False) == "[0, 0, 0]\n"
