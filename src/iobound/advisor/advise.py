"""`iobound.advise`: measure a function on a sample of its items, and recommend how to run it."""

from __future__ import annotations

import random
import warnings
from time import perf_counter
from typing import TYPE_CHECKING, Any

from iobound.advisor.bench import WAVES, Bench, kinds, shortest
from iobound.advisor.measured import ASYNCIO, THREADS, Measured, Trial
from iobound.advisor.recommend import recommend
from iobound.advisor.rounds import LOOKS, play
from iobound.advisor.sample import SAMPLE, destructive_word, drawn, seconds_of
from iobound.advisor.search import doubled, finalists
from iobound.advisor.split import first_pass, with_gil
from iobound.api.begin import check
from iobound.models.calls import Call, name_of
from iobound.options import Options
from iobound.signals.load import Others
from iobound.signals.machine import Machine, examine
from iobound.words.checks import check_count
from iobound.words.errors import BlockingLoopWarning, hinted
from iobound.words.findings import Drawn
from iobound.words.loops import loop_runs_here
from iobound.words.spans import span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from iobound.advisor.advice import Advice
    from iobound.words.findings import Candidate, Split

MOST = 256
"""The concurrency at which the search stops by default."""
SHARES = {"first": 0.15, "gil": 0.1, "search": 0.3}
"""Of the budget, for the first pass, the time of the GIL, and the search; the rounds have the rest."""
LEVELS = 9
"""Trials that the share of the search is divided by: 1, 2, 4 and so on up to 256."""
SHORTEST, LONG_ENOUGH = 0.05, 0.1
"""Seconds that a trial lasts at least, with a small budget and with a large one."""
USUAL, ENGINE = 64, 2e-6
"""Calls at a time, averaged over all trials, and seconds that each takes: hardly ever more, and hardly ever less."""
FEWEST = LOOKS[0]
"""Rounds that the time should suffice for, before the neighbours of the knee are measured too."""


class NoneSucceeded(RuntimeError):  # noqa: N818 - as the other errors of iobound
    """Every call of the first pass failed: there is nothing to measure."""


def advise(  # noqa: PLR0913 - keywords
    fn: Callable[..., Any],
    items: Iterable[Any],
    *,
    sample: int = SAMPLE,
    budget: float | str = "60s",
    max: int = MOST,
    setup: Callable[[], Any] | None = None,
    seed: int = 0,
    yes: bool = False,
    say: Callable[[str], object] | None = None,
) -> Advice:
    """Measure a function under every model that can run it, and recommend a model and a concurrency.

    A sample of the items is drawn at random. A plain function is measured serially and on threads, an async one on
    asyncio, at concurrencies 1, 2, 4 and so on; then the best ones again, in interleaved, shuffled rounds, until the
    95 % bootstrap interval of their ratio is narrow or the budget is gone. Every item of the sample is called many
    times: how often is in `advice.drawn`. It blocks, and should have the machine to itself; Ctrl-C ends it.

    Args:
        fn: called with one item (and with the value of `setup`, if that is given). Plain or async.
        items: some or all of the real items; of a source without a length the first 100,000 are looked at.
        sample: how many of them are drawn. If they are fewer, or quickly done, they are repeated.
        budget: seconds that it may take, or text such as `"60s"` or `"2m"`; a call that is running then is waited for.
        max: the largest concurrency that is tried.
        setup: gives a context manager for each worker thread or loop, as for `map`.
        seed: of the sample, and of the order of the trials.
        yes: measure also a function whose name says that it changes something, such as `send_invoice`.
        say: is given a line for people before anything is called, and one at each step.

    Returns:
        An `Advice`. Printed it is a table.

    Raises:
        ValueError: an argument is not valid, there are no items, or the name says that calls change something.
        RuntimeError: every call of the sample failed; from the first failure.

    Example:
        >>> import time, iobound
        >>> iobound.advise(time.sleep, [0.002] * 20, budget=1, max=8).model
        'threads'
    """
    check(Call(fn, setup=setup), items, Options(setup=setup))
    check_count("sample", sample)
    check_count("max", max)
    refuse_harm(fn, items, yes=yes)
    warn_if_blocking(name_of(fn))
    chosen, of = drawn(items, sample, seed)
    bench, rng = Bench(fn, chosen, setup), random.Random(seed)  # noqa: S311 - an order, no secret
    return recommend(Study(bench, seconds_of(budget), max, rng, say or (lambda _line: None)).measure(of, seed))


def refuse_harm(fn: Callable[..., Any], items: object, *, yes: bool) -> None:
    """Refuse a function whose calls may hurt, unless that was allowed; and items that cannot be drawn from."""
    if not hasattr(items, "__iter__"):
        error = TypeError(f"items must be a plain iterable here, not {type(items).__name__}")
        raise hinted(error, "pass a list of some of the items")
    if not yes and (word := destructive_word(fn)):
        told = (
            f"{name_of(fn)}() looks as if it changes something ({word!r}), and would be called many times for each item"
        )
        raise hinted(ValueError(told), "yes=True measures it all the same")


def warn_if_blocking(name: str) -> None:
    """Inside a running loop it works, and blocks everything else there: say so once, at the line of the user."""
    if loop_runs_here():
        message = (
            f"iobound.advise({name}, ...) blocks the running event loop\n"
            f"hint: await asyncio.to_thread(iobound.advise, {name}, ...)"
        )
        warnings.warn(message, BlockingLoopWarning, stacklevel=3)


class Study:
    """One run of the advisor: the steps in their order, and the time that is left."""

    def __init__(
        self, bench: Bench, budget: float, most: int, rng: random.Random, say: Callable[[str], object]
    ) -> None:
        self.bench = bench
        self.budget = budget
        self.most = most
        self.rng = rng
        self.say = say
        self.begun = perf_counter()
        self.least = min(LONG_ENOUGH, max(SHORTEST, budget / 200))
        """Seconds that a trial lasts at least."""

    @property
    def left(self) -> float:
        """Seconds of the budget."""
        return self.budget - (perf_counter() - self.begun)

    def measure(self, of: int, seed: int) -> Measured:
        """First pass, GIL, search, rounds."""
        machine, others, bench = examine(), Others(), self.bench
        split = self._first()
        share = max(0.0, min(self.left, self.budget * SHARES["gil"]))
        split = with_gil(bench, self._order(), split, share, machine)
        curve = self._search(split)
        trials = self._rounds(curve)
        return Measured(
            name=bench.name,
            is_async=bench.is_async,
            base=bench.base,
            trials=trials,
            curve=curve,
            split=split,
            drawn=Drawn(bench.used, of, seed, bench.calls, bench.failures.count, kinds(bench.failures), bench.hung),
            most=self.most,
            seconds=perf_counter() - self.begun,
            budget=self.budget,
            cores=machine.allowed_cpus,
            gil=machine.gil,
            machine=described(machine),
            others=others.cores(),
        )

    def _first(self) -> Split:
        """Each item once or more; refuse to go on if nothing succeeds."""
        bench, count = self.bench, len(self.bench.items)
        self.say(
            f"calls {bench.name}() many times for each of {count} items, for {span(self.budget)} in all; "
            "the first pass shows how often"
        )
        split = first_pass(bench, self._order(), self.least, self.budget * SHARES["first"])
        if bench.failures.count >= bench.calls:
            kind = next(iter(kinds(bench.failures)), "no call came back")
            error = NoneSucceeded(f"all {bench.calls:,} calls failed: {kind}")
            raise hinted(error, "try the function on one item first") from bench.error
        self.say(f"{span(split.wall)} per call; {self._announced(split) if self.left > 0 else 'the time is over'}")
        return split

    def _announced(self, split: Split) -> str:
        """How often each item will be called, roughly, and at most."""
        count, places = len(self.bench.items), 2 * self.most
        longest = max(count, WAVES * places, int(self.least / split.wall * places) if split.wall else 0)
        likely = self.budget / max(split.wall / min(self.most, USUAL), ENGINE)
        return f"each item is now called up to about {min(longest * LOOKS[-1], likely) / count:,.0f} times"

    def _search(self, split: Split) -> list[tuple[Candidate, Trial]]:
        """One call at a time, and more and more at a time."""
        share, order = self.budget * SHARES["search"], self._order()
        over, each = self.left - share, max(self.least, share / LEVELS)

        def measured(candidate: Candidate, expected: float) -> Trial | None:
            return self._trial(candidate, order, expected, each) if self.left > over else None

        base = self._trial(self.bench.base, order, 1 / split.wall if split.wall else 1e6, each) or self._rough(split)
        return doubled(ASYNCIO if self.bench.is_async else THREADS, self.most, (self.bench.base, base), measured)

    def _trial(self, candidate: Candidate, order: list[Any], expected: float, most: float) -> Trial | None:
        """A trial, if there is time: it must not last much longer than the budget."""
        if (left := self.left) <= 0:
            return None
        return self.bench.trial(candidate, order, expected, self.least, min(most, max(self.least, left)))

    def _rough(self, split: Split) -> Trial:
        """What the first pass says of one call at a time, where there is no time for a trial of it."""
        calls, failed = self.bench.calls, self.bench.failures.count
        return Trial(
            rate=(1 - failed / calls) / split.wall if split.wall else 0.0,
            latency=split.wall,
            p99=split.wall,
            startup=0.0,
            memory=None,
            cores=split.cpu / split.wall if split.wall else 0.0,
            calls=calls,
            failed=failed,
            seconds=self.budget - self.left,
            failure=next(iter(kinds(self.bench.failures)), ""),
        )

    def _rounds(self, curve: list[tuple[Candidate, Trial]]) -> dict[Candidate, list[Trial]]:
        """The finalists against each other; where there is no time for that, the search is all that is known."""
        known = dict(curve)
        chosen = [each for each in finalists(curve, self.most) if each in known]
        needs = {each: max(self.least, shortest(each, known[each].rate)) for each in chosen}
        while len(chosen) > 2 and FEWEST * sum(needs[each] for each in chosen) > self.left:  # noqa: PLR2004
            chosen.pop()
        if self.left > 0:
            self.say(f"{', then '.join(map(str, chosen))}: interleaved rounds")
        most = max(self.least, self.left / FEWEST / len(chosen))
        orders: dict[int, list[Any]] = {}

        def measured(candidate: Candidate, number: int) -> Trial | None:
            order = orders.setdefault(number, self._order())  # one for all candidates of a round
            return self._trial(candidate, order, known[candidate].rate, most)

        trials = play(chosen, measured, self.rng, lambda seconds: self.left > seconds)
        return trials if trials[chosen[0]] else {each: [known[each]] for each in chosen}

    def _order(self) -> list[Any]:
        """The sample, shuffled."""
        return self.rng.sample(list(self.bench.items), len(self.bench.items))


def described(machine: Machine) -> str:
    """The machine, Python and its GIL, in one line."""
    processors = f"{machine.allowed_cpus:g} of {machine.cpus} processors"
    return f"{machine.python} {'with' if machine.gil else 'without'} the GIL, {machine.system}, {processors}"
