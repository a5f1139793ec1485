"""Retries: which failures are made good by another attempt, and when it may be made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from iobound.policies.budget import RetryBudget
from iobound.policies.responses import retry_after, status_of
from iobound.words.checks import check_count, check_number, check_plain, refuse
from iobound.words.clock import FOREVER
from iobound.words.errors import ItemCancelled, hinted, said
from iobound.words.gates import Pause

if TYPE_CHECKING:
    from iobound.words.attempt import Attempt

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
"""HTTP statuses that may be another one next time."""
BUGS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    ImportError,
    LookupError,
    MemoryError,
    NameError,
    NotImplementedError,
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
)
LASTING = (FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
WORTH_SAYING = 60.0
"""Seconds that a server asks to wait from which on a warning says why the run stands still."""
FEW_DOUBLINGS = 3
"""Of the pause where a rate is learned: the others wait for who was unlucky again and again."""
BUSY = 429
"""The status of a server that takes no more from this client for now; it has not failed."""
SPREAD = 0.1
"""A pause that a server asked for is made longer by up to this share, so that not all come back at once."""

On = type[BaseException] | tuple[type[BaseException], ...] | Callable[[BaseException], object]


def transient(error: BaseException) -> bool:
    """Whether trying again may help: what looks like a bug, or like a refusal, stays.

    HTTP errors go by their status, if the exception of any common client carries one; for the rest, errors of the
    program (`TypeError`, `KeyError`, ...), of the path (`FileNotFoundError`, ...) and cancellations are not retried.

    Example:
        >>> from iobound.policies import transient
        >>> transient(ConnectionResetError()), transient(TypeError())
        (True, False)
    """
    if isinstance(error, BaseExceptionGroup):
        return all(map(transient, error.exceptions))
    status = status_of(error)
    if status is not None:
        return status in TRANSIENT
    return isinstance(error, Exception) and not isinstance(error, (*BUGS, *LASTING, ItemCancelled))


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How failed attempts are repeated.

    A retry holds no slot while it waits, goes before new items when it is due, and passes the rates again. Seconds
    that the other side asks for (`Retry-After`) are waited for, by every item of the same key.

    Args:
        attempts: how often an item is tried at most, the first time included.
        on: what is retried: an exception class, a tuple of them, or a function of the exception. By default what
            may be another result next time: not `TypeError` and its like, not HTTP 404.
        wait: seconds before the next attempt, from the number of attempts made and the exception; instead of `base`,
            `cap` and `jitter`.
        base, cap: the pause grows from `base` seconds twofold each time, to at most `cap`.
        jitter: a pause is drawn evenly between 0 and that: who failed together does not come back together.
        deadline: seconds after an item's first start in which its last attempt must start.
        budget: what bounds the retries of a whole key; None: nothing does.

    Raises:
        TypeError, ValueError: an argument that makes no sense, or would change nothing.

    Example:
        >>> import iobound
        >>> tries = iter([OSError("busy"), OSError("busy"), "page"])
        >>> def fetch(url):
        ...     result = next(tries)
        ...     if isinstance(result, OSError):
        ...         raise result
        ...     return result
        >>> list(iobound.map(fetch, ["url"], retry=iobound.Retry(attempts=3, base=0.001)))
        ['page']

    Full jitter: M. Brooker, "Exponential backoff and jitter", AWS Architecture Blog, 2015.
    """

    attempts: int = 4
    on: On = transient
    wait: Callable[[int, BaseException], float] | None = None
    base: float = 0.5
    cap: float = 30.0
    jitter: bool = True
    deadline: float | None = None
    budget: RetryBudget | None = RetryBudget()  # noqa: RUF009 - it is frozen

    def __post_init__(self) -> None:
        check_count("attempts", self.attempts, "an integer of at least 1: it counts the first attempt too")
        for name in ("base", "cap", "deadline"):
            value = getattr(self, name)
            if value is not None or name != "deadline":
                check_number(name, value, "seconds, at least 0")
        self._check_on()
        if self.wait is not None:
            self._check_wait()
        if not isinstance(self.jitter, bool):
            refuse("jitter", self.jitter, "True or False")
        if self.budget is not None and not isinstance(self.budget, RetryBudget):
            refuse("budget", self.budget, "a RetryBudget, or None")

    def _check_on(self) -> None:
        check_plain("on", self.on)
        if isinstance(self.on, type | tuple):
            classes = self.on if isinstance(self.on, tuple) else (self.on,)
            right = classes and all(isinstance(each, type) and issubclass(each, BaseException) for each in classes)
        else:
            right = callable(self.on)
        if not right:
            refuse("on", self.on, "an exception class, a tuple of them, or a function of the exception")

    def _check_wait(self) -> None:
        check_plain("wait", self.wait)
        if not callable(self.wait):
            refuse("wait", self.wait, "a function of the attempts made and the exception, which gives seconds")
        for each in fields(self):
            if each.name in ("base", "cap", "jitter") and getattr(self, each.name) != each.default:
                error = TypeError(f"{each.name}= would change nothing beside wait=")
                raise hinted(error, "wait= says how long a pause is; without it base=, cap= and jitter= do")

    @classmethod
    def of(cls, told: int | Retry | None) -> Retry | None:
        """`retry=3` means three retries; None and 0 none."""
        if isinstance(told, Retry) or told is None:
            return told
        check_count("retry", told, "a number of retries, or Retry(...)", least=0)
        return cls(attempts=told + 1) if told else None

    def judge(self, attempt: Attempt, *, abandoned: bool = False, paced: bool = False) -> Pause | None:
        """What a failed attempt waits for before the next; None: the failure stands. Calls the user's functions.

        A call that was given up may still be at work: it is repeated only if `on` names `TimeoutError`. What is `paced`
        waits for a rate that is learned from refusals, which bounds retries better than long pauses and a budget.
        """
        error = attempt.error
        if error is None:
            return None
        again = attempt.number < self.attempts and self._retries(error, abandoned=abandoned)
        asked = retry_after(error) if again or status_of(error) in TRANSIENT else None
        if asked is not None and asked >= WORTH_SAYING:
            told = (
                f"a server asks to be left alone for {asked:.0f} s (Retry-After): nothing of the same key starts before"
            )
            said(told, "waiting ends earlier with timeout=60, or Retry(deadline=60)")
        busy = status_of(error) == BUSY
        from random import random  # noqa: PLC0415 - takes longer to import than the rest of the policies

        if asked is not None:
            later = asked * (1 + SPREAD * random())  # noqa: S311
            return Pause(later if again else FOREVER, key=later, free=asked > 0 and busy)
        if not again:
            return None
        if self.wait is not None:
            seconds: Any = self.wait(attempt.number, error)
            check_number("wait", seconds, "a function that gives seconds, at least 0")
            return Pause(float(seconds), free=paced and busy)
        learned = paced and busy
        longest = min(self.cap, self.base * 2.0 ** min(attempt.number - 1, FEW_DOUBLINGS if learned else 64))
        return Pause(longest * (random() if self.jitter else 1.0), free=learned)  # noqa: S311

    def _retries(self, error: BaseException, *, abandoned: bool) -> bool:
        if isinstance(self.on, type | tuple):
            return isinstance(error, self.on)
        return not abandoned and bool(self.on(error))
