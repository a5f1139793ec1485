"""What type checkers make of iobound. Never run: mypy --strict and basedpyright read it.

Each wrong call is marked with the error it must give; both checkers complain about a mark that is not needed.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from sqlite3 import Connection, connect
from typing import TYPE_CHECKING, Any, assert_type

import iobound
from iobound import Current, Durations, Outcome, Run, Stats
from iobound.models import Asyncio, Model, Serial, Threads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

paths = [Path("a"), Path("b")]


def size(path: Path) -> int:
    return len(str(path))


async def fetch(path: Path) -> bytes:
    return bytes(path)


def add(left: int, right: int) -> float:
    return left + right


async def add_later(left: int, right: int) -> float:
    return left + right


class Fetcher:
    def __call__(self, path: Path) -> str:
        return str(path)

    async def later(self, path: Path) -> str:
        return str(path)


# --- map: the type of one result, whatever the colour of the function ---

assert_type(iobound.map(size, paths), Run[int])
assert_type(iobound.map(fetch, paths), Run[bytes])
assert_type(iobound.map(Fetcher(), paths), Run[str])
assert_type(iobound.map(Fetcher().later, paths), Run[str])
assert_type(iobound.map(partial(add, 2), [1, 2], errors="skip"), Run[float])
assert_type(iobound.map(lambda path: path.name, paths), Run[str])
assert_type(iobound.map(str.upper, "abc"), Run[str])

# --- errors: "collect" gives outcomes ---

assert_type(iobound.map(size, paths, errors="raise"), Run[int])
assert_type(iobound.map(size, paths, errors="skip"), Run[int])
assert_type(iobound.map(size, paths, errors="collect"), Run[Outcome[int]])
assert_type(iobound.map(fetch, paths, errors="skip", max_errors="3%"), Run[bytes])
assert_type(iobound.map(fetch, paths, errors="collect", max_errors=3), Run[Outcome[bytes]])

# --- starmap ---

pairs = [(1, 2), (3, 4)]
assert_type(iobound.starmap(add, pairs), Run[float])
assert_type(iobound.starmap(add_later, pairs), Run[float])
assert_type(iobound.starmap(add, pairs, errors="collect"), Run[Outcome[float]])
assert_type(iobound.starmap(add_later, pairs, errors="collect"), Run[Outcome[float]])

# --- setup: its value is the function's last argument ---


@contextmanager
def cursor() -> Iterator[Connection]:
    yield connect(":memory:")


@asynccontextmanager
async def session() -> AsyncIterator[Connection]:
    yield connect(":memory:")


def stored(path: Path, database: Connection) -> int:
    return database.total_changes + len(str(path))


async def stored_later(path: Path, database: Connection) -> str:
    return str((path, database))


assert_type(iobound.map(stored, paths, setup=cursor), Run[int])
assert_type(iobound.map(stored, paths, setup=lambda: nullcontext(connect(":memory:"))), Run[int])
assert_type(iobound.map(stored, paths, setup=cursor, errors="collect"), Run[Outcome[int]])
assert_type(iobound.map(stored_later, paths, setup=session), Run[str])
assert_type(iobound.map(stored_later, paths, setup=cursor), Run[str])
assert_type(iobound.map(stored_later, paths, setup=session, errors="collect"), Run[Outcome[str]])
assert_type(iobound.starmap(add, [(1,)], setup=cursor), Run[float])

# --- every keyword, and every kind of source ---

assert_type(
    iobound.map(
        size,
        paths,
        model="threads",
        concurrency=8,
        buffersize=100,
        ordered=False,
        feed="consumer",
        task_timeout=1,
        timeout=1.5,
        grace=0,
        max_abandoned=3,
        hooks=[object()],
    ),
    Run[int],
)
assert_type(iobound.map(size, paths, concurrency="auto", buffersize=None, max_errors=None), Run[int])
for model in ("auto", "serial"):
    assert_type(iobound.map(size, paths, model=model), Run[int])
assert_type(iobound.map(size, paths, model={"threads", "serial"}), Run[int])
assert_type(iobound.map(size, paths, model=Threads()), Run[int])
models: list[Model] = [Serial(), Threads(), Asyncio()]


async def numbers() -> AsyncIterator[int]:
    yield 1


def digits() -> Iterator[int]:
    yield 1


assert_type(iobound.map(str, numbers()), Run[str])
assert_type(iobound.map(str, digits()), Run[str])
assert_type(iobound.map(str, iobound.map(size, paths)), Run[str])

# --- a run ---

run = iobound.map(size, paths)
for value in run:
    assert_type(value, int)
assert_type(next(run), int)
assert_type(list(run), list[int])
assert_type(run.outcomes(), Run[Outcome[int]])
assert_type(run.stats, Stats)
assert_type(run.stats.running, Durations)
assert_type(run.name, str)
assert_type(run.close(), None)
assert_type(run.cancel(), None)
with run as entered:
    assert_type(entered, Run[int])


async def consume() -> None:
    run = iobound.map(fetch, paths)
    async for value in run:
        assert_type(value, bytes)
    assert_type(await run, list[bytes])
    assert_type(await anext(run), bytes)
    assert_type(await run.aclose(), None)
    async with iobound.map(fetch, paths, errors="collect") as entered:
        assert_type(entered, Run[Outcome[bytes]])
        async for outcome in entered:
            assert_type(outcome, Outcome[bytes])


# --- an outcome ---

for outcome in iobound.map(size, paths, errors="collect"):
    assert_type(outcome.ok, bool)
    assert_type(outcome.value, int | None)
    assert_type(outcome.error, BaseException | None)
    assert_type(outcome.index, int)
    assert_type(outcome.stage, str | None)
assert_type(iobound.current(), Current)

# --- an executor ---

with iobound.Executor(max_workers=4, queue=8, thread_name_prefix="pool") as pool:
    assert_type(pool, iobound.Executor)
    assert_type(pool.submit(size, paths[0]), Future[int])
    assert_type(pool.submit(add, 1, right=2), Future[float])
    assert_type(pool.map(size, paths, timeout=1.5, buffersize=10), Iterator[int])
    assert_type(pool.waiting, int)
    pool.submit(size, 3)  # type: ignore[arg-type]

# --- the advisor ---

advice = iobound.advise(size, paths, budget="30s", max=64)
assert_type(advice, iobound.Advice)
assert_type(advice.concurrency, int)
assert_type(advice.to_dict(), dict[str, Any])
iobound.advise(fetch, paths, setup=session)
iobound.advise(size, 3)  # type: ignore[arg-type]

# --- calls that are wrong ---

iobound.map(size, [1, 2])  # type: ignore[arg-type]
iobound.map(size, paths, errors="colect")  # type: ignore[call-overload]
iobound.map(size, paths, model="thread")  # type: ignore[arg-type]
iobound.map(size, paths, concurency=3)  # type: ignore[call-overload]
iobound.map(size, paths, concurrency="many")  # type: ignore[call-overload]
iobound.map(size, paths, ordered="yes")  # type: ignore[call-overload]
iobound.map(size, paths, setup=cursor)  # type: ignore[arg-type]
iobound.map(stored, paths)  # type: ignore[arg-type]
iobound.map(stored, paths, setup=session)  # type: ignore[arg-type]
iobound.map(size, 3)  # type: ignore[call-overload]
iobound.starmap(add, [1, 2])  # type: ignore[arg-type, list-item]
iobound.map(3, paths)  # type: ignore[call-overload]
iobound.map(size, paths, 8)  # type: ignore[call-overload]
