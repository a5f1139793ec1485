"""One frozen, validated `Options`: the keywords of the API, and later the flags of the command line."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from iobound.core.rules import ErrorLimit, Rules
from iobound.models.choices import Asyncio, Model, Serial, Threads
from iobound.words.errors import hinted
from iobound.words.events import EVENTS

if TYPE_CHECKING:
    from typing import NoReturn

    from iobound.words.stats import Stats

ModelName = Literal["auto", "serial", "threads", "asyncio"]
MODELS: dict[str, type[Serial | Threads | Asyncio]] = {
    "serial": Serial,
    "threads": Threads,
    "asyncio": Asyncio,
}


MOST = 1 << 31
"""No count is larger."""
LONGEST = 1e9
"""No time in seconds is longer, but for ever: thirty years."""


class Keywords(TypedDict, total=False):
    """The keywords of `map` and `starmap` that do not change the type of what they return."""

    model: ModelName | Collection[ModelName] | Model
    concurrency: int | Literal["auto"]
    buffersize: int | None
    ordered: bool
    feed: Literal["auto", "consumer"]
    max_errors: int | str | None
    task_timeout: float | None
    timeout: float | None
    grace: float
    max_abandoned: int | None
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
    concurrency: int | str = flag("auto", "N|auto", "the most calls in flight; auto: 32 on threads, 100 on asyncio")
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
        _check_choice("errors", self.errors, ("raise", "collect", "skip"))
        _check_choice("feed", self.feed, ("auto", "consumer"))
        if not isinstance(self.ordered, bool):
            _refuse("ordered", self.ordered, "True or False")
        if self.concurrency != "auto":
            check_count("concurrency", self.concurrency, "an integer of at least 1, or 'auto'")
        if self.buffersize is not None:
            check_count("buffersize", self.buffersize)
        if self.max_abandoned is not None:
            check_count("max_abandoned", self.max_abandoned, "an integer of at least 0", least=0)
        for name in ("task_timeout", "timeout"):
            _check_seconds(name, getattr(self, name))
        if not _is_number(self.grace) or not 0 <= self.grace <= LONGEST:
            _refuse("grace", self.grace, "seconds, at least 0")
        if self.setup is not None and not callable(self.setup):
            _refuse("setup", self.setup, "a callable that gives a context manager, such as aiohttp.ClientSession")
        if not isinstance(self.progress, bool) and not callable(self.progress):
            _refuse("progress", self.progress, "True, or a callable that takes the statistics")
        self._check_errors()
        self._check_hooks()

    def _check_model(self) -> None:
        names: Any = self.model
        if isinstance(names, str):
            _check_choice("model", names, ("auto", *MODELS))
        elif isinstance(names, Collection):
            for name in names:
                _check_choice("model", name, tuple(MODELS))
            if not names:
                _refuse("model", names, f"at least one of {', '.join(MODELS)}")
        elif isinstance(names, type) or not hasattr(names, "drive"):
            _refuse("model", names, f"one of auto, {', '.join(MODELS)}, a set of them, or a Model")
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
            _refuse("hooks", self.hooks, "a list of observers, such as [hook]")
        for hook in self.hooks:
            if not any(hasattr(hook, event) for event in EVENTS):
                error = TypeError(f"hooks= has {hook!r}, which observes nothing")
                raise hinted(error, f"a hook defines some of: {', '.join(EVENTS)}")

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
        return _refuse("max_errors", limit, "a count of at least 0, or a share such as '3%'")

    def rules(self, default_limit: int, *, counted: bool) -> Rules:
        """The part that the state machine decides by."""
        limit = default_limit if isinstance(self.concurrency, str) else self.concurrency
        return Rules(
            limit=limit,
            window=self.window,
            ordered=self.ordered,
            fail_fast=self.errors == "raise",
            max_errors=self.error_limit(),
            task_timeout=self.task_timeout,
            timeout=self.timeout,
            grace=self.grace,
            max_abandoned=limit if self.max_abandoned is None else self.max_abandoned,
            counted=counted or isinstance(self.max_errors, str),  # a share is judged at every outcome
        )

    def window(self, limit: int) -> int:
        """`buffersize`: given, or enough that ordered delivery hardly ever idles a slot."""
        if self.buffersize is not None:
            return self.buffersize
        return max(8 * limit, 256) if self.ordered else 2 * limit


def _refuse(name: str, value: object, wanted: str) -> NoReturn:
    kind = ValueError if isinstance(value, str | int | float) else TypeError
    raise hinted(kind(f"{name}={value!r} is not valid"), f"{name} takes {wanted}")


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        near = get_close_matches(str(value), choices, 1)
        _refuse(name, value, f"one of {', '.join(choices)}" + (f"; did you mean {near[0]!r}?" if near else ""))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_count(name: str, value: object, wanted: str = "an integer of at least 1", least: int = 1) -> None:
    """Refuse what is no integer of at least `least`, or absurdly large."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= MOST:
        _refuse(name, value, wanted)


def _check_seconds(name: str, value: float | None) -> None:
    if value is not None and (not _is_number(value) or not value > 0 or LONGEST < value < float("inf")):
        _refuse(name, value, "seconds, more than 0")
