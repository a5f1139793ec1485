"""The tables about limits: what each gate costs, what many keys cost, and what a rate costs that two runs share."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bars import at_most, at_most_over, at_most_times
from contestants import Spec
from protocol import Table

if TYPE_CHECKING:
    from tables import Setting

ITEMS, MANY = 50_000, 100_000
CPU = ("cpu_us",)
KINDS = {
    "asyncio, sleep(0)": Spec("iobound", "sleep0", ITEMS, 100, False, "async", model="asyncio"),
    "threads, no-op": Spec("iobound", "noop", ITEMS, 32, False, model="threads"),
}
PRICED: dict[str, dict[str, Any]] = {
    "plain": {},
    "rate": {"rates": 1},
    "two rates": {"rates": 2},
    "key_concurrency, 1 key": {"keys": 1, "key_concurrency": 1000},
    "key_concurrency, 1,000 keys": {"keys": 1000, "key_concurrency": 1000},
    "key_rate, 1,000 keys": {"keys": 1000, "key_rates": 1},
    "memory=1TB": {"memory": "1TB"},
    "retry=3": {"retry": 3},
    "task_timeout=60": {"task_timeout": 60},
    "one hook": {"hook": True},
}
ONE_OF_EACH = {"rates": 1, "keys": 100, "key_concurrency": 1000, "retry": 3, "task_timeout": 60, "hook": True}
TOGETHER = ONE_OF_EACH | {"rates": 2, "key_rates": 1, "memory": "1TB"}


def with_options(kind: Spec, options: dict[str, Any], items: int = ITEMS) -> Spec:
    """One row."""
    return Spec(kind.program, kind.work, items, kind.limit, False, kind.consumer, model=kind.model, options=options)


def limit_prices(setting: "Setting") -> Iterator[Table]:
    """Price each gate where it holds nothing up, and all of them together."""
    for title, kind in KINDS.items():
        options = PRICED | {"a rate, keys, retry, timeout, hook": ONE_OF_EACH, "all together": TOGETHER}
        specs = {name: with_options(kind, each) for name, each in options.items()}
        bars = [bar for name in list(options)[-2:] for bar in at_most_over(name, "plain", 2.5, *CPU)]
        yield Table(f"limits, {title}", setting.programs(specs), "plain", CPU, bars, "difference")


def adaptive_price(setting: "Setting") -> Iterator[Table]:
    """Price the measuring of an adaptive limit that has nowhere to go, and so differs in nothing else."""
    for title, kind in KINDS.items():
        specs = {"fixed": kind, "adaptive": with_options(kind, {"adaptive": True})}
        bars = at_most_over("adaptive", "fixed", 3, *CPU)
        yield Table(f"adaptive, {title}", setting.programs(specs), "fixed", CPU, bars, "difference")


def many_keys(setting: "Setting") -> Iterator[Table]:
    """Give every item a key of its own, or all the same."""
    for title, kind in KINDS.items():
        specs, bars = {}, []
        for limit in ({"key_concurrency": 1000}, {"key_rates": 1}):
            name = next(iter(limit)).removesuffix("s")
            for keys in (1, MANY):
                specs[f"{name}, {keys:,} keys"] = with_options(kind, {"keys": keys} | limit, MANY)
            bars += at_most_times(f"{name}, {MANY:,} keys", f"{name}, 1 keys", 1.5, *CPU)
        yield Table(f"keys, {title}", setting.programs(specs), "key_concurrency, 1 keys", CPU, bars)


def shared_rate(setting: "Setting") -> Iterator[Table]:
    """Let two runs contend for one rate: one that nobody uses up, and one that holds both up."""
    for limit, items in ((10**9, ITEMS), (2_000, 4_000)):
        specs = {
            " + ".join(models): Spec("two_runs", "noop", items, 32, False, options={"limit": limit, "models": models})
            for models in (("threads", "threads"), ("threads", "asyncio"), ("asyncio", "asyncio"))
        }
        bars = [bar for name in specs for bar in at_most(name, 50, *CPU)]
        yield Table(
            f"a rate of {limit:,}/s, shared by two runs", setting.programs(specs), "threads + threads", CPU, bars
        )
