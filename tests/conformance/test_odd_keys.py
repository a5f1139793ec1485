"""Keys that cannot be looked up, and functions beside the main one that raise what is no `Exception`."""

from __future__ import annotations

import asyncio

import pytest

import iobound
from iobound import ItemCancelled, Retry

COUNT = 8
ODD = 3
"""The item with the odd key."""


class Key:
    """A key as good as any, but for that of the item ODD: from its n-th look-up on something is wrong with it."""

    def __init__(self, item, sound=0):
        self.item, self.sound, self.looked = item, sound, 0

    @property
    def odd(self):
        self.looked += 1
        return self.item == ODD and self.looked >= self.sound

    def __eq__(self, other):
        return self.item == other.item

    def __hash__(self):
        return hash(self.item)


class RaisingHash(Key):
    def __hash__(self):
        if self.odd:
            raise ZeroDivisionError
        return hash(self.item)


class ChangingHash(Key):
    def __hash__(self):
        return COUNT if self.odd else self.item


class RaisingEq(Key):
    def __hash__(self):
        return 7  # or nobody would ever compare

    def __eq__(self, other):
        if ODD in (self.item, other.item):
            raise ZeroDivisionError
        return self.item == other.item


async def echo(item):
    return item


def keyed(make, **keywords):
    return {"key": make, "key_concurrency": 1, "errors": "collect", "ordered": False, **keywords}


@pytest.mark.parametrize("sound", range(1, 7))
async def test_a_key_whose_hash_raises_fails_its_item_only(world, sound):
    """Whenever it begins to: at the pull, in the lines of the run, at a gate, on its way out."""
    outcomes = await world.run(echo, range(COUNT), **keyed(lambda item: RaisingHash(item, sound)))
    assert sorted(outcome.index for outcome in outcomes) == [*range(COUNT)]
    assert [(outcome.index, type(outcome.error)) for outcome in outcomes if not outcome.ok] == [
        (ODD, ZeroDivisionError)
    ]


@pytest.mark.parametrize("sound", range(4, 7))
async def test_a_key_whose_hash_changes_fails_its_item_and_says_so(world, sound):
    """While it is in the lines of the run, where it cannot be found any more."""
    outcomes = await world.run(echo, range(COUNT), **keyed(lambda item: ChangingHash(item, sound)))
    assert sorted(outcome.index for outcome in outcomes) == [*range(COUNT)]
    [failed] = [outcome for outcome in outcomes if not outcome.ok]
    assert failed.index == ODD
    assert "key of this item has changed" in str(failed.error)
    assert "hint" in failed.error.__notes__[0]


async def test_a_key_that_changes_to_and_fro_holds_up_nobody(world):
    """The line that could not be forgotten is found again, and goes on."""
    changing = ChangingHash(ODD, 4)

    def key(item):
        changing.looked = 0
        return changing

    keywords = keyed(key, concurrency=1, lookahead=1)
    outcomes = await world.run(echo, range(COUNT), **keywords)
    assert sorted(outcome.index for outcome in outcomes) == [*range(COUNT)]
    assert all(outcome.ok or "has changed" in str(outcome.error) for outcome in outcomes)


async def test_keys_that_cannot_be_compared_fail_their_items_only(world):
    """The comparison belongs to two items; nobody else hears of it."""
    outcomes = await world.run(echo, range(COUNT), **keyed(RaisingEq, concurrency=2))
    assert sorted(outcome.index for outcome in outcomes) == [*range(COUNT)]
    assert all(outcome.ok or type(outcome.error) is ZeroDivisionError for outcome in outcomes)


async def test_where_a_retry_cannot_look_its_key_up_the_run_ends_with_that_error(world):
    """It never hangs."""

    keys = [RaisingHash(item, 1000) for item in range(COUNT)]

    async def body(item):
        if iobound.current().attempt == 1:
            keys[item].sound = 0
            raise OSError("busy")
        return item

    keywords = keyed(keys.__getitem__, retry=Retry(wait=lambda made, error: 0.0), grace=0.1)
    with pytest.raises(ZeroDivisionError):
        await world.run(body, range(COUNT), **keywords)


def asks(what, function):
    """The keywords of a run that calls `function` beside its own."""

    def told(*facts):
        return function() if facts[0] == ODD or isinstance(facts[-1], OSError) else 1

    return {
        "key": {"key": told, "key_concurrency": 9, "ordered": False},
        "cost": {"cost": told, "rate": "100000/s"},
        "on": {"retry": Retry(on=told)},
        "wait": {"retry": Retry(on=OSError, wait=told)},
    }[what]


async def fails_at_odd(item):
    if item == ODD:
        raise OSError("busy")
    return item


ASKED = pytest.mark.parametrize("what", ["key", "cost", "on", "wait"])


@ASKED
async def test_a_cancellation_that_nobody_asked_for_fails_the_item(world, what):
    def function():
        raise asyncio.CancelledError("mine")

    outcomes = await world.run(fails_at_odd, range(COUNT), errors="collect", **asks(what, function))
    outcomes.sort(key=lambda outcome: outcome.index)
    assert [outcome.value for outcome in outcomes] == [n if n != ODD else None for n in range(COUNT)]
    assert type(outcomes[ODD].error) is ItemCancelled
    assert isinstance(outcomes[ODD].error.__cause__, asyncio.CancelledError)


@ASKED
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, BaseException])
async def test_what_is_no_exception_ends_the_run(world, what, kind):
    """As from the function itself."""
    error = kind("mine")

    def function():
        raise error

    run = world.map(fails_at_odd, range(500), errors="collect", grace=0.1, **asks(what, function))
    with pytest.raises(kind) as raised:
        await world.list(run)
    assert raised.value is error


async def test_a_cancellation_out_of_a_hook_never_hangs(world):
    """A hook that raises what is no `Exception` ends the run."""

    class Hook:
        def settled(self, attempt):
            raise asyncio.CancelledError("mine")

    with pytest.raises((ItemCancelled, asyncio.CancelledError)):
        await world.run(echo, range(COUNT), hooks=[Hook()], grace=0.1)
