"""The tables of `overhead.py`: which programs meet, and which bars they are held to."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bars import at_most, at_most_over, at_most_times, faster
from contestants import Spec
from file_tables import cached_files
from limit_tables import adaptive_price, limit_prices, many_keys, shared_rate
from protocol import HERE, Plan, Program, Table, child

PEERS_312 = HERE.parent / ".bench" / "peers-3.12" / "bin" / "python"
CPU = ("cpu_us",)
BOTH = ("cpu_us", "wall_us")
DELAY = ("delay_ms",)
ITEMS, NAPS = 50_000, 8_000
STALL_AT = 5_000
FRESH = """
import sys, time
{}
print('{{"cpu_ms": %f, "python": "%s"}}' % (time.process_time() * 1e3, sys.version.split()[0]))
"""


@dataclass(frozen=True)
class Setting:
    """What all tables of a run share: the interpreter and the plan."""

    python: Path
    plan: Plan

    def programs(self, specs: dict[str, Spec], **common: Any) -> dict[str, Program]:
        """Programs that run `specs`, each changed by `common`, in fresh processes."""
        return {name: self._program(replace(spec, **common)) for name, spec in specs.items()}

    def _program(self, spec: Spec) -> Program:
        if spec.work != "hang":
            spec = replace(spec, items=self.plan.items(spec.items))
        return partial(child, self.python, str(HERE / "sample.py"), json.dumps(asdict(spec)))


def on_asyncio(program: str, **changes: Any) -> Spec:
    """A program on asyncio, at most 100 at once, consumed on the same loop."""
    return replace(Spec(program, "sleep0", ITEMS, 100, consumer="async", model="asyncio"), **changes)


def on_threads(program: str, **changes: Any) -> Spec:
    """A program on threads, at most 32 at once."""
    return replace(Spec(program, "noop", ITEMS, 32, model="threads"), **changes)


def orders(title: str) -> Iterator[tuple[bool, str]]:
    """Both orders of results, with a title for each."""
    yield True, f"{title}, ordered"
    yield False, f"{title}, as completed"


def asyncio_streaming(setting: Setting) -> Iterator[Table]:
    """Stream from a list through coroutines that suspend once, and through some that never do."""
    pair = {"hand": on_asyncio("hand"), "iobound": on_asyncio("iobound")}
    peers = {
        "streamable": on_asyncio("streamable"),
        "gather + Semaphore": on_asyncio("gather"),
        "aiometer": on_asyncio("aiometer"),
    }
    bars = [
        *at_most_times("iobound", "hand", 1.5, "cpu_us"),
        *at_most("iobound", 4, "cpu_us", only="3.11"),
        *faster("iobound", "aiometer", 10, "cpu_us"),
        *faster("iobound", "streamable", 2, "cpu_us"),
    ]
    for ordered, title in orders("asyncio, sleep(0), limit 100"):
        yield Table(title, setting.programs(pair | peers, ordered=ordered), "hand", BOTH, bars)
    for ordered, title in orders("asyncio, no-op coroutines, limit 100"):
        programs = setting.programs(pair, ordered=ordered, work="async_noop")
        yield Table(title, programs, "hand", BOTH, at_most("iobound", 4, "cpu_us"))


def asyncio_feeder(setting: Setting) -> Iterator[Table]:
    """Take a generator through the feeder thread; the hand-written loop pulls it on the loop."""
    pair = {"hand": on_asyncio("hand"), "iobound": on_asyncio("iobound")}
    for ordered, title in orders("asyncio, sleep(0), generator source"):
        programs = setting.programs(pair, ordered=ordered, source="generator")
        bars = at_most_times("iobound", "hand", 2, *BOTH) if ordered else []
        yield Table(title, programs, "hand", BOTH, bars)


def asyncio_sync_consumer(setting: Setting) -> Iterator[Table]:
    """Consume with a plain `for`: a private loop runs in a thread of its own."""
    pair = {"hand, on the loop": on_asyncio("hand"), "iobound": on_asyncio("iobound", consumer="sync")}
    for ordered, title in orders("asyncio, sleep(0), sync consumer"):
        bars = at_most("iobound", 8 if ordered else 12, *BOTH)
        yield Table(title, setting.programs(pair, ordered=ordered), "hand, on the loop", BOTH, bars)


def threads_streaming(setting: Setting) -> Iterator[Table]:
    """Stream no-op calls from a list."""
    pair = {"hand": on_threads("hand"), "iobound": on_threads("iobound")}
    peers = {
        "streamable": on_threads("streamable"),
        "ThreadPoolExecutor.map": on_threads("executor_map"),
        "ThreadPoolExecutor, submit + as_completed": on_threads("as_completed"),
    }
    bars = [
        *at_most_times("iobound", "hand", 1, *BOTH),
        *at_most("iobound", 4, "cpu_us"),
        *faster("iobound", "ThreadPoolExecutor.map", 6, *BOTH),
        *faster("iobound", "streamable", 4, *BOTH),
    ]
    for ordered, title in orders("threads, no-op, limit 32"):
        yield Table(title, setting.programs(pair | peers, ordered=ordered), "hand", BOTH, bars)
    newer = replace(setting, python=PEERS_312)
    for ordered, title in orders("threads, no-op, limit 32, beside pyarallel"):
        programs = newer.programs(pair | {"pyarallel": on_threads("pyarallel")}, ordered=ordered)
        yield Table(title, programs, "hand", BOTH, notes="pyarallel needs Python 3.12.")


def threads_naps(setting: Setting) -> Iterator[Table]:
    """Stream calls that sleep 1 ms."""
    specs = {
        "hand": on_threads("hand"),
        "iobound": on_threads("iobound"),
        "streamable": on_threads("streamable"),
        "ThreadPoolExecutor.map": on_threads("executor_map"),
    }
    bars = [
        *at_most_times("iobound", "hand", 1.1, "wall_us"),
        *at_most_times("iobound", "hand", 1.5, "cpu_us"),
    ]
    for ordered, title in orders("threads, 1 ms sleeps, limit 32"):
        programs = setting.programs(specs, ordered=ordered, work="nap", items=NAPS)
        yield Table(title, programs, "hand", BOTH, bars)


def stall(setting: Setting) -> Iterator[Table]:
    """Hang one call for 1.5 s: how long until the last of the 63 items behind it has started?"""
    for title, limit, hang_at in (
        ("stall, item 5,000 hangs, limit 32", 32, STALL_AT),
        ("stall, the first item hangs, limit 4", 4, 0),
    ):
        common = {"work": "hang", "hang_at": hang_at, "limit": limit, "items": hang_at + 1_000}
        names = {
            "iobound, ordered, for": on_threads("iobound"),
            "iobound, ordered, async for": on_threads("iobound", consumer="async"),
            "iobound, as completed, for": on_threads("iobound", ordered=False),
            "iobound, as completed, async for": on_threads("iobound", ordered=False, consumer="async"),
        }
        programs = setting.programs({"hand": on_threads("hand")} | names, **common)
        bars = [bar for name in names for bar in at_most(name, 50, *DELAY)]
        yield Table(title, programs, "hand", DELAY, bars, "difference")


def extras(setting: Setting) -> Iterator[Table]:
    """Price what a run without options does not pay."""
    options: dict[str, dict[str, Any]] = {
        "plain": {},
        "task_timeout=60": {"task_timeout": 60},
        "one hook": {"hook": True},
        'errors="collect"': {"errors": "collect"},
    }
    options["all together"] = {name: value for each in options.values() for name, value in each.items()}
    for make, title, metrics in (
        (on_asyncio, "extras, asyncio, sleep(0)", CPU),
        (on_threads, "extras, threads, no-op", BOTH),
    ):
        specs = {name: make("iobound", options=each) for name, each in options.items()}
        bars = at_most_over("all together", "plain", 2.5, *metrics)
        yield Table(title, setting.programs(specs), "plain", metrics, bars, "difference")


def import_time(setting: Setting) -> Iterator[Table]:
    """Import in fresh interpreters; the figure is the CPU time since the start of the process."""
    statements = {"bare": "", "import iobound": "import iobound", "import asyncio": "import asyncio"}
    scripts = {name: FRESH.format(statement) for name, statement in statements.items()}
    programs = {name: partial(child, setting.python, "-c", script) for name, script in scripts.items()}
    bars = at_most_over("import iobound", "bare", 40, "cpu_ms")
    yield Table("import time", programs, "bare", ("cpu_ms",), bars, "difference")


SECTIONS: dict[str, Callable[[Setting], Iterator[Table]]] = {
    "asyncio": asyncio_streaming,
    "feeder": asyncio_feeder,
    "sync": asyncio_sync_consumer,
    "threads": threads_streaming,
    "naps": threads_naps,
    "stall": stall,
    "files": cached_files,
    "extras": extras,
    "limits": limit_prices,
    "adaptive": adaptive_price,
    "keys": many_keys,
    "shared": shared_rate,
    "import": import_time,
}
