"""One frozen, validated `Options`: the keywords of the API, and later the flags of the command line."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

from iobound.core.rules import ErrorLimit, Rules
from iobound.models.choices import Asyncio, Model, Serial, Threads
from iobound.policies.descriptors import starved
from iobound.words.checks import check_choice, check_count, check_number, check_plain, check_seconds, is_number, refuse
from iobound.words.errors import hinted
from iobound.words.events import EVENTS
from iobound.words.gates import STARVED

if TYPE_CHECKING:
    from iobound.policies.limits import Limited, Limits
    from iobound.policies.memory import MemoryGate
    from iobound.policies.rate import Rate
    from iobound.policies.retry import Retry
    from iobound.words.attempt import Attempt
    from iobound.words.gates import Gate, Pause
    from iobound.words.limiting import Limit
    from iobound.words.stats import Stats

    Rating: TypeAlias = str | Rate | Limited

ModelName = Literal["auto", "serial", "threads", "asyncio"]
MODELS: dict[str, type[Serial | Threads | Asyncio]] = {
    "serial": Serial,
    "threads": Threads,
    "asyncio": Asyncio,
}

AHEAD = 2
"""Items pulled as completed, in flight and done together, in multiples of the limit."""
LOOKAHEAD = 10_000
"""Items that a run with keys pulls ahead."""


class Keywords(TypedDict, total=False):
    """The keywords of `map` and `starmap` that do not change the type of what they return."""

    model: ModelName | Collection[ModelName] | Model
    concurrency: int | Literal["auto"] | Limit
    buffersize: int | None
    ordered: bool
    feed: Literal["auto", "consumer"]
    max_errors: int | str | None
    task_timeout: float | None
    timeout: float | None
    grace: float
    max_abandoned: int | None
    rate: Rating | Sequence[Rating] | None
    cost: float | Callable[[Any], float] | None
    key: Literal["host"] | Callable[[Any], Hashable] | None
    key_concurrency: int | None
    key_rate: str | Rate | Sequence[str | Rate] | None
    lookahead: int | None
    retry: int | Retry | None
    memory: int | float | str | None
    progress: bool | Callable[[Stats], object]
    hooks: Sequence[object]


def flag(default: Any, takes: str, about: str) -> Any:
    """A keyword that is a flag of the command line too: what it takes, and what it means."""
    return field(default=default, metadata={"takes": takes, "about": about})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asked for, checked. Times are in seconds; None means "not limited".

    Those made with `flag` are flags of the command line too, with the name, the meaning and the checks they have here.
    """

    model: Any = flag("auto", "NAME", "auto, serial, threads or asyncio")
    concurrency: Any = flag("auto", "N|auto", "the most calls in flight; auto: found by measuring, 256 at most")
    buffersize: int | None = flag(None, "N", "the most items pulled and not yet delivered")
    ordered: bool = flag(default=True, takes="", about="results in input order, or as they complete")
    feed: str = flag("auto", "auto|consumer", "who pulls the items: a thread of the run, or the consuming one")
    setup: Callable[[], Any] | None = flag(
        None, "MODULE:NAME", "gives a context manager, entered once per worker; its value is the last argument"
    )
    errors: str = "raise"
    max_errors: int | str | None = flag(None, "N|P%", "stop after more failures than this")
    task_timeout: float | None = flag(None, "SECONDS", "for one call; then it fails with TimeoutError")
    timeout: float | None = flag(None, "SECONDS", "for the whole run")
    grace: float = flag(1.0, "SECONDS", "for running calls, when the run is stopped")
    max_abandoned: int | None = flag(None, "N", "hung calls left behind before the run fails")
    rate: Any = flag(None, "N/TIME", "the most calls per time: 100/s, 500/min; repeatable: all must admit")
    cost: Any = flag(None, "N|MODULE:NAME", "units of the rate that an item takes")
    key: Any = flag(None, "host|MODULE:NAME", "what items are limited by, each apart: the host of a URL, say")
    key_concurrency: int | None = flag(None, "N", "the most calls in flight per key")
    key_rate: Any = flag(None, "N/TIME", "the most calls per time and key; repeatable")
    lookahead: int | None = flag(None, "N", "with keys, for buffersize: the most items pulled and not yet delivered")
    retry: Any = flag(None, "N", "how often a failed call is repeated, if that may help")
    memory: Any = flag(None, "SIZE|P%", "the most memory that this process may take: 2GB, 50%")
    progress: bool | Callable[[Stats], object] = False
    hooks: Sequence[object] = ()

    @classmethod
    def of(cls, keywords: dict[str, Any]) -> Options:
        """Options from keywords; an unknown one names its nearest neighbour."""
        known = [each.name for each in fields(cls)]
        for name in keywords:
            if name not in known:
                near = get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]}=?" if near else f"known keywords: {', '.join(known)}"
                raise hinted(TypeError(f"unexpected keyword {name}="), hint)
        return cls(**keywords)

    def __post_init__(self) -> None:
        """Check every value once, before anything starts."""
        self._check_model()
        check_choice("errors", self.errors, ("raise", "collect", "skip"))
        check_choice("feed", self.feed, ("auto", "consumer"))
        if not isinstance(self.ordered, bool):
            refuse("ordered", self.ordered, "True or False")
        self._check_concurrency()
        if self.buffersize is not None:
            check_count("buffersize", self.buffersize)
        if self.max_abandoned is not None:
            check_count("max_abandoned", self.max_abandoned, "an integer of at least 0", least=0)
        for name in ("task_timeout", "timeout"):
            check_seconds(name, getattr(self, name))
        check_number("grace", self.grace, "seconds, at least 0")
        if self.setup is not None and not callable(self.setup):
            refuse("setup", self.setup, "a callable that gives a context manager, such as aiohttp.ClientSession")
        if not isinstance(self.progress, bool) and not callable(self.progress):
            refuse("progress", self.progress, "True, or a callable that takes the statistics")
        self._check_errors()
        self._check_hooks()
        self._check_limits()

    def _check_concurrency(self) -> None:
        told = self.concurrency
        if isinstance(told, type):
            error = TypeError(f"concurrency={told.__name__} is a class, not an object")
            raise hinted(error, "make one, as in concurrency=iobound.AdaptiveLimit()")
        if told != "auto" and not hasattr(told, "take_seat"):
            check_count("concurrency", told, "an integer of at least 1, or 'auto', or AdaptiveLimit()")

    def _check_model(self) -> None:
        names: Any = self.model
        if isinstance(names, str):
            check_choice("model", names, ("auto", *MODELS))
        elif isinstance(names, Collection):
            for name in names:
                check_choice("model", name, tuple(MODELS))
            if not names:
                refuse("model", names, f"at least one of {', '.join(MODELS)}")
        elif isinstance(names, type) or not hasattr(names, "drive"):
            refuse("model", names, f"one of auto, {', '.join(MODELS)}, a set of them, or a Model")
        serial = names == "serial" or isinstance(names, Serial)
        if serial and self.task_timeout is not None:
            error = ValueError("task_timeout= cannot be kept by model='serial': nobody is left to end the call")
            raise hinted(error, "model='threads', concurrency=1 makes the same calls and can give one up")

    def _check_errors(self) -> None:
        if self.max_errors is not None and self.errors == "raise":
            error = ValueError("max_errors= needs errors='collect' or 'skip': errors='raise' stops at the first")
            raise hinted(error, "add errors='collect' to see the failures, errors='skip' to drop them")
        self.error_limit()

    def _check_hooks(self) -> None:
        if not isinstance(self.hooks, Sequence):
            refuse("hooks", self.hooks, "a list of observers, such as [hook]")
        for hook in self.hooks:
            if not any(hasattr(hook, event) for event in EVENTS):
                error = TypeError(f"hooks= has {hook!r}, which observes nothing")
                raise hinted(error, f"a hook defines some of: {', '.join(EVENTS)}")

    def _check_limits(self) -> None:
        if self.key is not None and self.key != "host" and not callable(self.key):
            refuse("key", self.key, "'host', or a function of an item")
        for name in ("key", "cost"):
            check_plain(name, getattr(self, name))
        for name in ("key_concurrency", "lookahead"):
            if getattr(self, name) is not None:
                check_count(name, getattr(self, name))
        for name in ("key_concurrency", "key_rate", "lookahead"):
            if self.key is None and getattr(self, name) is not None:
                raise hinted(TypeError(f"{name}= needs key="), "key='host' for URLs, or a function of an item")
        if self.key is not None and self.buffersize is not None:
            error = TypeError("buffersize= cannot be given with key=")
            raise hinted(error, "lookahead= bounds what a run with keys pulls ahead")
        if isinstance(self.cost, Mapping):
            error = TypeError("cost= takes one number for an item, or a function that gives it")
            raise hinted(error, "what each unit costs is told by the rates: Rate(..., cost=len, unit='tokens')")
        self._check_gates()
        if self.memory is not None:
            self.memory_budget()
        self._retry()

    def _check_gates(self) -> None:
        limits = self.limits()
        if limits is None:
            if self.cost is not None:
                raise hinted(ValueError("cost= needs rate="), "rate='100/s' is what an item takes so many units of")
            return
        limits.check_cost(self.cost)
        if self.key is None and limits.keyed:
            error = TypeError("rate= has a Limiter with limits per key, which need key=")
            raise hinted(error, "key='host' for URLs, or a function of an item")

    def limits(self) -> Limits | None:
        """The gates that the rates and keys make; None if there are none."""
        if self.rate is None and self.key_rate is None and self.key_concurrency is None:
            return None
        from iobound.policies.limits import limits  # noqa: PLC0415 - only who limits pays for it

        return limits(self.rate, key_rate=self.key_rate, key_concurrency=self.key_concurrency, own=True)

    def memory_budget(self) -> int | float:
        """Bytes as an integer, or a share of what there is as a float below 1."""
        from iobound.policies.memory import size_of  # noqa: PLC0415 - only who limits pays for it

        return size_of(self.memory)

    def error_limit(self) -> ErrorLimit | None:
        """`max_errors` as a rule."""
        limit = self.max_errors
        if limit is None:
            return None
        if isinstance(limit, int) and not isinstance(limit, bool) and limit >= 0:
            return ErrorLimit(count=limit)
        if isinstance(limit, str) and limit.endswith("%"):
            try:
                share = float(limit[:-1]) / 100
            except ValueError:
                share = -1.0
            if 0 <= share <= 1:
                return ErrorLimit(share=share)
        return refuse("max_errors", limit, "a count of at least 0, or a share such as '3%'")

    def judge(self, *, paced: bool) -> Callable[[Attempt, bool], Pause | None] | None:
        """What says whether a failed attempt is made again, outside every lock; `paced`: at a rate that is learned."""
        if self.retry == 0 and self.retry is not False:
            return None
        retry = self._retry()

        def judge(attempt: Attempt, abandoned: bool) -> Pause | None:  # noqa: FBT001
            if starved(attempt.error):
                return STARVED
            return None if retry is None else retry.judge(attempt, abandoned=abandoned, paced=paced)

        return judge

    def _retry(self) -> Retry | None:
        if self.retry is None:
            return None
        from iobound.policies.retry import Retry  # noqa: PLC0415 - only who retries pays for it

        return Retry.of(self.retry)

    def rules(
        self, most: int, *, counted: bool, gates: tuple[Gate, ...] = (), memory: MemoryGate | None = None
    ) -> Rules:
        """The part that the state machine decides by; `most`: the machine has room for so many calls."""
        steered = None if isinstance(self.concurrency, int) else self.concurrency
        limit = min(most, self.concurrency if steered is None else steered.initial)
        return Rules(
            limit=limit,
            steered=steered,
            most=most,
            window=self.window,
            ordered=self.ordered,
            fail_fast=self.errors == "raise",
            max_errors=self.error_limit(),
            task_timeout=self.task_timeout,
            timeout=self.timeout,
            grace=self.grace,
            max_abandoned=most if self.max_abandoned is None else self.max_abandoned,
            gates=gates,
            memory=memory,
            keyed=self.key is not None,
            backlog=0 if self.key is None or self.ordered else AHEAD,
            retry=self._retry(),
            cost=self.cost if is_number(self.cost) else 1,
            counted=counted or isinstance(self.max_errors, str),  # a share is judged at every outcome
        )

    def window(self, limit: int) -> int:
        """`buffersize`: given, or enough that ordered delivery hardly ever idles a slot."""
        if self.key is not None:
            return self.lookahead or LOOKAHEAD
        if self.buffersize is not None:
            return self.buffersize
        return max(8 * limit, 256) if self.ordered else AHEAD * limit
