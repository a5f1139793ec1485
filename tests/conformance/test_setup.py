"""`setup=`: a context manager entered once per loop or worker thread; its value is the function's second argument."""

from __future__ import annotations

import contextlib
import threading

import pytest


class Manager:
    """Counts, per thread, who enters and leaves."""

    def __init__(self, made):
        self.made = made
        self.entered = self.left = None
        made.append(self)

    def __enter__(self):
        self.entered = threading.get_ident()
        return self

    def __exit__(self, *error):
        self.left = threading.get_ident()

    def check(self):
        assert self.left is None, "used after it was left"
        return self


class AsyncManager:
    def __init__(self, made):
        self.manager = Manager(made)

    async def __aenter__(self):
        return self.manager.__enter__()

    async def __aexit__(self, *error):
        self.manager.__exit__()


@pytest.fixture(params=[Manager, AsyncManager])
def kind(request):
    """A plain and an async context manager."""
    return request.param


def fits(world, kind):
    if world.colour == "late" or (kind is AsyncManager and not world.on_loop):
        pytest.skip("no such pair")


async def test_a_manager_is_entered_once_per_worker_and_left(world, kind):
    """One per loop; at most one per thread, each used only in its own thread."""
    fits(world, kind)
    made, calls = [], world.Meter()
    limit = 1 if world.model == "serial" else 3
    full = calls.when(inside=limit)

    async def body(item, manager):
        with calls:
            await full.wait()
            assert threading.get_ident() == manager.check().entered
            await world.pause()
            return item, manager

    results = await world.run(body, range(60), setup=lambda: kind(made), concurrency=3)
    assert [item for item, _ in results] == [*range(60)]
    assert len(made) == (1 if world.on_loop else limit)
    assert all(manager.left == manager.entered is not None for manager in made)
    assert {manager for _, manager in results} == set(made)


@pytest.mark.parametrize("ending", ["error", "close", "drop"])
async def test_managers_are_left_however_the_run_ends(world, kind, ending):
    """After an error, close, and when the run is dropped."""
    fits(world, kind)
    made = []

    async def body(item, manager):
        if ending == "error" and item == 3:
            raise ValueError(item)
        return item

    run = world.map(body, range(1000), setup=lambda: kind(made), concurrency=2, buffersize=8)
    if ending == "error":
        with pytest.raises(ValueError, match="3"):
            await world.list(run)
    else:
        await world.next(run)
        if ending == "close":
            await world.close(run)
    if ending != "drop":
        assert all(manager.left for manager in made)
    del run
    await world.until(lambda: made and all(manager.left for manager in made))


@pytest.mark.parametrize("where", ["call", "enter", "exit", "type"])
async def test_a_setup_that_fails_ends_the_run_with_its_error(world, where, log):
    """It never hangs, and no item is called without its resource."""
    if world.colour == "late":
        pytest.skip("no such pair")

    class Broken:
        def __enter__(self):
            if where == "enter":
                raise LookupError("setup failed")
            return self

        def __exit__(self, *error):
            if where == "exit":
                raise LookupError("setup failed")

    def setup():
        if where == "call":
            raise LookupError("setup failed")
        return 7 if where == "type" else Broken()

    async def body(item, manager):
        assert isinstance(manager, Broken)
        return item

    with pytest.raises(TypeError if where == "type" else LookupError):
        await world.run(body, range(20), setup=setup, concurrency=2)
    assert where == "exit" or not log.said  # of two workers one is heard by the consumer, the other by the log
    log.said.clear()


class BadLeaver:
    """A resource that cannot be closed."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        raise LookupError("cannot be left")


async def test_an_error_of_leaving_comes_after_the_results(world, log):
    """Nobody's result is lost for it, and the run does not look well."""
    if world.colour == "late":
        pytest.skip("no such pair")

    async def body(item, manager):
        return item

    run = world.map(body, range(100), setup=BadLeaver, concurrency=2)
    assert [await world.next(run) for _ in range(100)] == [*range(100)]
    with pytest.raises(LookupError, match="cannot be left"):
        await world.next(run)
    log.said.clear()  # the second worker's


async def test_an_error_of_leaving_a_run_that_was_closed_is_logged(world, log):
    """There is nobody to raise it to, and nothing is silent."""
    if world.colour == "late" or world.model == "serial":
        pytest.skip("serial leaves it in the consumer's thread")

    async def body(item, manager):
        return item

    run = world.map(body, range(100), setup=BadLeaver, concurrency=2, buffersize=4)
    await world.next(run)
    await world.close(run)
    assert log.said
    assert all("setup=" in said and "cannot be left" in said for said in log.said)
    log.said.clear()


async def test_an_async_manager_needs_an_async_function(world):
    """The error says so."""
    if world.on_loop:
        pytest.skip("about plain functions")

    async def body(item, manager):
        return item

    with pytest.raises(TypeError, match="setup=") as raised:
        await world.run(body, range(3), setup=lambda: AsyncManager([]))
    assert any(note.startswith("hint: ") for note in raised.value.__notes__)


async def test_generator_managers_work(world):
    """`contextlib.contextmanager`, as most are written, with its error handling left out of it."""
    if world.colour == "late":
        pytest.skip("no such pair")
    steps = []

    @contextlib.contextmanager
    def session():
        steps.append("enter")
        try:
            yield "session"
        finally:
            steps.append("leave")

    async def body(item, given):
        return given

    assert set(await world.run(body, range(5), setup=session, concurrency=1)) == {"session"}
    assert steps == ["enter", "leave"]
