"""One suite for every model, consumed from plain and from async code.

A test is a coroutine that is given a `world`: a model, a colour of function, a way of consuming. The world plays
it: on a loop where the run is consumed by `async for`; where it is consumed by `for` the test is stepped without
any loop, and everything it awaits blocks instead. The same holds for the bodies of the calls: `world.map` makes
plain or async functions from them. So each test is written once.

Nothing here sleeps: calls wait for valves, which fail the test if nobody opens them within `CEILING`.
"""

from __future__ import annotations

import importlib.util
import inspect
import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import iobound


def neighbour(name: str) -> Any:
    """A module beside this file: tests are no package."""
    spec = importlib.util.spec_from_file_location(f"conformance_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


worlds = neighbour("world")
World, Meter, CEILING = worlds.World, worlds.Meter, worlds.CEILING
CONSUMERS = ("for", "async for")
PAIRS = (
    ("serial", "plain"),
    ("threads", "plain"),
    ("asyncio", "async"),
    ("auto", "plain"),
    ("auto", "async"),
    ("auto", "late"),
)
WORLDS = [World(model, colour, consumer) for model, colour in PAIRS for consumer in CONSUMERS]


@pytest.fixture(params=WORLDS, ids=str)
def world(request: pytest.FixtureRequest) -> World:
    """Every working combination of a model, a colour of function and a way of consuming."""
    return request.param


@pytest.fixture(params=[world for world in WORLDS if world.model != "serial"], ids=str)
def crowd(request: pytest.FixtureRequest) -> World:
    """Those that make several calls at once."""
    return request.param


@pytest.fixture(params=[world for world in WORLDS if world.ahead], ids=str)
def away(request: pytest.FixtureRequest) -> World:
    """Those whose calls go on while the consumer does something else."""
    return request.param


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A hang is seen soon."""
    for item in items:
        if Path(__file__).parent in item.path.parents and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(2 * CEILING))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`consumer`: a world of no particular model, only a way of consuming."""
    if "consumer" in metafunc.fixturenames:
        metafunc.parametrize("consumer", [World("auto", "plain", how) for how in CONSUMERS], ids=CONSUMERS)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test that is a coroutine is played by its world."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    given = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    player = next(value for value in given.values() if isinstance(value, World))
    player.play(pyfuncitem.obj(**given))
    return True


class LazySequence:
    """Has no `__iter__`: iterated by index."""

    def __init__(self, pull: Any) -> None:
        self.pull = pull

    def __getitem__(self, index: int) -> int:
        try:
            return self.pull()
        except StopIteration:
            raise IndexError from None


@pytest.fixture(params=["generator", "iterator", "sequence", "async generator"])
def lazy(request: pytest.FixtureRequest) -> Any:
    """`lazy(pulls, stop)`: a source of 0, 1, 2 ... of each kind, whose pulls a meter counts."""

    def make(pulls: Meter, stop: int | None = None) -> Any:
        numbers = iter(itertools.count() if stop is None else range(stop))

        def pull() -> int:  # never None, so that `iter(pull, None)` ends with `numbers`
            number = next(numbers)
            pulls.tick()
            return number

        def generator() -> Any:
            for number in numbers:
                pulls.tick()
                yield number

        async def async_generator() -> Any:
            for number in numbers:
                pulls.tick()
                yield number

        match request.param:
            case "generator":
                return generator()
            case "iterator":
                return iter(pull, None)
            case "sequence":
                return LazySequence(pull)
        return async_generator()

    return make


@pytest.fixture(autouse=True)
def log(records: Any) -> Any:
    """Nothing is logged ("never retrieved", "was destroyed"), unless the test takes it out of `log.said`."""
    yield records
    assert records.said == []


@pytest.fixture
def program() -> Any:
    """Run a program of its own, in development mode, every warning an error: what it prints; stderr stays empty."""

    def run(text: str, *args: str, code: int = 0, silent: bool = True) -> str:
        path = [str(Path(iobound.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
        ran = subprocess.run(
            [sys.executable, "-X", "dev", "-W", "error", "-c", text, *args],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))},
        )
        assert not silent or ran.stderr == "", ran.stderr
        assert ran.returncode == code, ran.stderr
        return ran.stdout

    return run
