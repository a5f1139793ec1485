"""Hooks: each event, counted exactly, told outside the lock; one that raises never hurts the run."""

from __future__ import annotations

import threading
from collections import Counter

import pytest


class Observer:
    """Counts everything, and looks at the statistics from inside, which needs the lock to be free."""

    def __init__(self):
        self.lock = threading.Lock()
        self.seen = Counter()
        self.facts = []
        self.run = None

    def note(self, event, *facts):
        if self.run is not None:
            self.run.stats  # noqa: B018
        with self.lock:
            self.seen[event] += 1
            self.facts.append((event, *facts))

    def started(self, attempt):
        self.note("started", attempt.index)

    def settled(self, attempt):
        self.note("settled", attempt.index, attempt.error)

    def delivered(self, attempt):
        self.note("delivered", attempt.index)

    def source_ended(self, count):
        self.note("source_ended", count)

    def stopped(self, error):
        self.note("stopped", error)


async def same(item):
    return item


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize(
    "make", [list, iter, lambda items: (item for item in items)], ids=["list", "iterator", "generator"]
)
async def test_every_event_is_told_exactly(world, make, ordered):
    """Started and settled around each attempt, delivered for each item, the end of the source and of the run once."""
    observer = Observer()
    run = world.map(same, make([*range(40)]), hooks=[observer], concurrency=3, buffersize=6, ordered=ordered)
    observer.run = run
    assert sorted(await world.list(run)) == [*range(40)]
    await world.until(lambda: observer.seen["stopped"] == 1)
    late = world.colour == "late"  # calls that gave a coroutine are started again, on the loop
    assert observer.seen["settled"] == observer.seen["delivered"] == 40
    assert observer.seen["started"] == 40 or (late and observer.seen["started"] >= 40)
    assert (observer.seen["source_ended"], observer.seen["stopped"]) == (1, 1)
    assert ("source_ended", 40) in observer.facts
    assert observer.facts[-1] == ("stopped", None)
    if ordered:
        assert [index for event, index in (f[:2] for f in observer.facts) if event == "delivered"] == [*range(40)]


async def test_failures_are_told(world):
    """`settled` has the error, `stopped` what the run ended with."""
    observer, error = Observer(), ValueError("mine")

    async def body(item):
        raise error

    with pytest.raises(ValueError, match="mine"):
        await world.run(body, range(3), hooks=[observer], concurrency=1)
    assert ("settled", 0, error) in observer.facts
    assert observer.facts[-1] == ("stopped", error)


@pytest.mark.parametrize("event", ["started", "settled", "delivered", "source_ended", "stopped"])
async def test_a_hook_that_raises_is_dropped_and_logged(world, event, log):
    """Once, and the others go on."""
    observer = Observer()

    class Broken:
        count = 0

    def method(*facts):
        Broken.count += 1
        raise LookupError(event)

    broken = Broken()
    setattr(broken, event, method)
    assert await world.run(same, range(20), hooks=[broken, observer], concurrency=1) == [*range(20)]
    assert Broken.count == 1
    assert len(log.said) == 1
    assert "was dropped" in log.said.pop()
    assert observer.seen["delivered"] == 20


async def test_a_method_of_a_broken_hook_is_not_called_for_other_events(world, log):
    """The whole hook is dropped."""

    class Broken:
        def started(self, attempt):
            raise LookupError

        def stopped(self, error):
            raise AssertionError("dropped already")

    await world.run(same, range(5), hooks=[Broken()], concurrency=1)
    assert len(log.said) == 1
    log.said.clear()


async def test_who_calls_which_hook(world):
    """Started and settled where the call is made, delivered and stopped where the results are taken."""
    where = {event: set() for event in ("call", "started", "settled", "delivered", "stopped")}

    class Names:
        def __getattr__(self, event):
            if event not in where:
                raise AttributeError(event)
            return lambda *_: where[event].add(threading.get_ident())

    async def body(item):
        where["call"].add(threading.get_ident())
        return item

    await world.run(body, range(20), hooks=[Names()], concurrency=3)
    if world.colour != "late":  # where a first call gives a coroutine, another party goes on
        assert where["started"] == where["settled"] == where["call"]
    assert where["delivered"] == where["stopped"] == {threading.get_ident()}


async def test_a_failure_that_is_dropped_counts_as_delivered(world):
    """For hooks as for the statistics: nothing of it is left in the run."""
    observer = Observer()

    async def body(item):
        if item % 2:
            raise ValueError(item)
        return item

    run = world.map(body, range(8), errors="skip", hooks=[observer])
    assert await world.list(run) == [0, 2, 4, 6]
    assert observer.seen["delivered"] == run.stats.delivered == 8
