"""Promise 6: context variables: the caller's are seen, a call's own by nobody else."""

from __future__ import annotations

import contextvars
import decimal

VARIABLE = contextvars.ContextVar("VARIABLE", default="unset")


async def test_no_item_sees_the_variable_of_another(world):
    """Of 1,000 items, interleaved, none finds what another has set, before or after it waits."""

    async def body(item):
        before = VARIABLE.get()
        VARIABLE.set(item)
        await world.pause()
        return before, VARIABLE.get()

    VARIABLE.set("the caller's")
    seen = await world.run(body, range(1000), concurrency=16)
    assert seen == [("the caller's", item) for item in range(1000)]
    assert VARIABLE.get() == "the caller's"


async def test_the_context_is_that_of_the_start(world):
    """What the caller sets after the first `next` is not seen by later calls."""

    async def body(item):
        return VARIABLE.get()

    VARIABLE.set("at the making")
    run = world.map(body, range(20), concurrency=2, buffersize=2)
    VARIABLE.set("at the start")
    seen = {await world.next(run)}
    VARIABLE.set("later")
    seen |= set(await world.list(run))
    assert seen == {"at the start"}


async def test_a_decimal_context_does_not_leak(world):
    """A library that keeps its state in the context, as `decimal` does, is safe in calls."""

    async def body(item):
        with decimal.localcontext() as context:
            context.prec = 2 + item % 5
            await world.pause()
            return str(decimal.Decimal(1) / 3)

    before = decimal.getcontext().prec
    assert await world.run(body, range(50), concurrency=8) == ["0." + "3" * (2 + item % 5) for item in range(50)]
    assert decimal.getcontext().prec == before


async def test_failing_calls_leak_nothing(world):
    """Nor do calls that fail."""

    async def body(item):
        before = VARIABLE.get()
        VARIABLE.set("set by a call that failed")
        raise ValueError(before)

    VARIABLE.set("the caller's")
    outcomes = await world.run(body, range(50), errors="collect", concurrency=4)
    assert {outcome.error.args for outcome in outcomes} == {("the caller's",)}
