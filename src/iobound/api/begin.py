"""From options to a run in motion."""

from __future__ import annotations

import sys
import warnings
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from iobound.api.auto import choose
from iobound.core.statistics import snapshot
from iobound.models.choices import SYSTEM, is_async_source, task_crew
from iobound.models.job import Job
from iobound.words.bells import LoopBell, ThreadBell
from iobound.words.clock import FOREVER
from iobound.words.errors import BlockingLoopWarning, hinted, said
from iobound.words.events import HookSet
from iobound.words.loops import loop_runs_here

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from iobound.models.calls import Call
    from iobound.models.choices import Model
    from iobound.models.driver import Driver
    from iobound.observers.interpreter import Interpreter
    from iobound.observers.progress import Progress
    from iobound.options import Options
    from iobound.policies.limits import Limits
    from iobound.policies.memory import MemoryGate
    from iobound.policies.queue import Queue
    from iobound.words.attempt import Attempt
    from iobound.words.gates import Gate
    from iobound.words.limiting import Told
    from iobound.words.stats import Stats

GLANCE = 1e-3
"""Seconds between two looks at what the process takes: each costs as much as several brief calls."""
FEW = 8
"""So many calls at a time are let pass unexamined."""


def check(call: Call, source: Any, options: Options) -> None:
    """Refuse what could only fail later."""
    if not callable(call.fn):
        raise hinted(TypeError(f"fn={call.fn!r} is not callable"), "pass the function itself, as in map(fetch, urls)")
    if not (hasattr(source, "__iter__") or hasattr(source, "__aiter__") or hasattr(source, "__getitem__")):
        error = TypeError(f"items must be iterable, not {type(source).__name__}")
        raise hinted(error, "pass a list, a generator, an async generator, or another run")
    if options.feed == "consumer" and is_async_source(source):
        error = TypeError("feed='consumer' cannot pull an async source")
        raise hinted(error, "leave out feed=: an async source is iterated on the loop")
    choose(options.model, call)


def begin(call: Call, source: Any, options: Options, errors: str, loop: asyncio.AbstractEventLoop | None) -> Driver:
    """Put a run together for its consumer: plain code, or a coroutine on `loop`. Nothing starts yet."""
    model, others = choose(options.model, call)
    if model.name == "serial":
        options = replace(options, concurrency=1)
    elif sys.is_finalizing():
        error = RuntimeError("the interpreter is shutting down: no thread starts any more")
        raise hinted(error, "model='serial' still works there")
    progress = _progress(call, source, options.progress)
    watch = _interpreter(call) if options.model == "auto" and options.concurrency == "auto" else None
    may_switch, timed = "asyncio" in others, options.task_timeout is not None or options.timeout is not None
    in_loop = loop is None and loop_runs_here()  # a call that starts one of its own would fail in this thread
    options, most = _bounded(options, model)
    limits, memory = options.limits(), _memory_gate(options)
    if options.ordered and options.key is not None and (options.retry or (limits and limits.keyed)):
        said("ordered results wait for those of blocked keys", "ordered=False lets every key go at its own pace")
    steered = None if isinstance(options.concurrency, int) else options.concurrency
    refusable = steered is not None and options.key is None  # what one key refuses is no matter of the others
    learned = getattr(steered, "gate", None) if options.retry and refusable else None
    gates = _gates(limits, memory, learned)
    job = Job(
        call=replace(call, mixed=may_switch or call.mixed),
        source=source,
        rules=replace(options, errors=errors, max_errors=None if errors == "raise" else options.max_errors).rules(
            most, counted=options.feed == "consumer", gates=gates, memory=memory
        ),
        context=copy_context(),
        # A loop that brings a clock of its own (the virtual one of `iobound.testing`) is believed.
        clock=getattr(loop, "clock", model.clock),
        hooks=HookSet((*options.hooks, *filter(None, (progress, watch)))),
        feed=options.feed,
        prepare=_preparation(options, limits),
        judge=options.judge(paced=learned is not None),
        overload=_overload() if refusable else None,
        meter=_meter(memory),
        told=not others and options.model != "auto",
        may_call_here=loop is None and "serial" in others and options.ordered and not (call.setup or timed or in_loop),
        successor=partial(task_crew, loop=loop) if may_switch and not call.setup else None,
    )
    driver = model.drive(job, ThreadBell() if loop is None else LoopBell(loop), loop)
    if progress:
        progress.begin(partial(_stats, driver))
    if watch:
        watch.begin(partial(_so_far, driver))
    return driver


def _bounded(options: Options, model: Model) -> tuple[Options, int]:
    """With a number or a limit in the place of "auto"; and the most calls that there are descriptors for."""
    concurrency = options.concurrency
    if concurrency == "auto":
        from iobound.policies.adaptive import AdaptiveLimit  # noqa: PLC0415 - who tells a number does not pay for it

        concurrency = AdaptiveLimit(initial=model.concurrency)
    wanted = concurrency if isinstance(concurrency, int) else concurrency.most
    most = min(wanted, _room(wanted, model) or wanted)
    if most < wanted and isinstance(concurrency, int):
        said(
            f"concurrency={wanted} is more than the file descriptors of this process allow: {most} calls at a time",
            "`ulimit -n` raises the limit of a shell, and of what it starts",
        )
    return replace(options, concurrency=concurrency), most


def _room(wanted: int, model: Model) -> int | None:
    if wanted <= FEW or model.clock is not SYSTEM:
        return None
    from iobound.signals.descriptors import room_for_calls  # noqa: PLC0415 - only who asks for many pays for it

    return room_for_calls()


def _gates(limits: Limits | None, memory: MemoryGate | None, learned: Queue | None) -> tuple[Gate, ...]:
    """All, in the order in which everybody asks them: see `Limits.gates`."""
    common = (*(limits.common if limits else ()), *((learned,) if learned else ()))
    keyed = limits.keyed if limits else ()
    return (*keyed, *((memory,) if memory else ()), *sorted(common, key=lambda gate: gate.number))


def _overload() -> Callable[[BaseException], Told | None]:
    from iobound.policies.responses import overload  # noqa: PLC0415 - only who adapts pays for it

    return overload


def _preparation(options: Options, limits: Limits | None) -> Callable[[Attempt], None] | None:
    """What calls `key=` and `cost=` for an item, if anybody must be called."""
    key, cost = options.key, options.cost if callable(options.cost) else None
    if key is None and cost is None and not (limits and limits.costs):
        return None
    from iobound.policies.limits import host_of, preparation  # noqa: PLC0415 - only who limits pays for it

    return preparation(host_of if key == "host" else key, cost, limits.costs if limits else {})


def _memory_gate(options: Options) -> MemoryGate | None:
    """The budget in bytes: what was asked for, or its share of what this process may have."""
    if options.memory is None:
        return None
    from iobound.policies.memory import MemoryGate  # noqa: PLC0415 - only who limits pays for it
    from iobound.signals.machine import examine  # noqa: PLC0415
    from iobound.signals.memory import resident  # noqa: PLC0415

    budget, whole = options.memory_budget(), examine().memory
    if resident() is None or (whole is None and isinstance(budget, float)):
        raise hinted(RuntimeError("memory= is not known on this system"), "pip install psutil makes it so")
    return MemoryGate(int(budget * (whole or 0)) if isinstance(budget, float) else budget, str(options.memory))


def _meter(memory: MemoryGate | None) -> Callable[[], None] | None:
    """What tells the budget how much the process takes."""
    if memory is None:
        return None
    from iobound.signals.memory import peak, resident, trim  # noqa: PLC0415 - as above

    due = -FOREVER

    def meter() -> None:
        nonlocal due
        if (now := monotonic()) < due and memory.share.roomy:
            return
        due, seen = now + GLANCE, memory.share.unseen
        taken = resident() or 0
        if memory.share.hoards(taken):
            trim()
            taken = resident() or 0
            memory.share.trimmed(taken, peak())
        memory.observe(taken, peak(), seen)

    meter()
    return meter


def _progress(call: Call, source: Any, wanted: Any) -> Progress | None:
    """Whoever shows how far the run is, if anybody shall."""
    if not wanted:
        return None
    from iobound.observers.progress import CallView, Progress, view_for  # noqa: PLC0415 - only who asks pays for it

    total = len(source) if hasattr(source, "__len__") else None
    return Progress(view_for(call.name) if wanted is True else CallView(wanted), total)


def _interpreter(call: Call) -> Interpreter:
    """Whoever says so where the interpreter is the bottleneck."""
    from iobound.observers.interpreter import Interpreter  # noqa: PLC0415 - who tells a model does not pay for it
    from iobound.signals.machine import allowed_cpus  # noqa: PLC0415

    return Interpreter(call.name, allowed_cpus)


def _so_far(driver: Driver) -> tuple[float, float]:
    """Seconds since the run began, and those that calls were in flight."""
    now = driver.core.ended_at or driver.clock.now()
    return now - driver.core.started_at, driver.core.steering.gauge.area(now)


def _stats(driver: Driver) -> Stats | None:
    """How far the run is; None once it was dropped."""
    return stats_of(driver) if driver.consumed else None


def stats_of(driver: Driver) -> Stats:
    """How far a run is, and who makes its calls."""
    workers, told = driver.workers, driver.job.told
    return snapshot(driver.core, driver.clock.now(), workers.model, "" if told else workers.reason)


def warn_if_blocking(call: Call) -> None:
    """Plain iteration inside a running loop works, and blocks everything else there: say so once."""
    if call.knowingly or not loop_runs_here():
        return
    message = (
        f"iterating iobound.map({call.name}, ...) with a plain `for` blocks the running event loop\n"
        "hint: use `async for` or `await` on the run"
    )
    warnings.warn(message, BlockingLoopWarning, stacklevel=4)
