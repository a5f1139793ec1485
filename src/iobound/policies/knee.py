"""Knee: a limit that grows while more in flight buys more throughput, and stops where it does not.

By Little's law N calls in flight of R seconds each give X = N / R a second. Up to the knee R stays, and X grows with N;
beyond it X stays, and R grows. What is measured is the elasticity e = d ln X / d ln N: 1 before a sharp knee, 0 behind
it, and falling smoothly where each more costs the others something. Kleinrock's power X^(1+p) / N^p (1979) is greatest
where e = p / (1 + p): a number without a scale, 0.15 by default.

A climber alone would grow without end beside another one, since each sees e = 1/2 while they share a full server; so it
is braked, and at last turned back, as latency rises above its best.
"""

from __future__ import annotations

from math import exp, inf, log
from typing import TYPE_CHECKING, NamedTuple

from iobound.policies.elasticity import Phase, Window, calls_for, doubt, elasticity, spread_of
from iobound.policies.refusals import Cap, Refusals

if TYPE_CHECKING:
    from iobound.words.totals import Totals

SHORTEST, STEADY = 5e-3, 0.05
"""Seconds between two looks at least: the switch interval of the interpreter; and of a measurement at least, where what
is compared differs little: what disturbs a machine lasts for tens of milliseconds."""
USED = 0.8
"""The share of the limit that must have been in flight; else something else held the run back: nothing is learned."""
MOST_CALLS = 256
"""In one measurement."""
GOING_ON, REPEATS = 0.4, 2
"""At the start the limit doubles while the elasticity is above this; in doubt it is measured so many times again."""
LEAST_STEP, MOST_STEP = 0.12, 0.3
"""Afterwards it is measured so far above and below in turn: farther while the way to go is still long."""
GAIN, PROBED_GAIN, LEAST_GAIN, MOST_GAIN = 0.35, 0.2, 0.12, 0.6
"""How far an elasticity moves the limit: more while the direction stays, less when it turns (H. Kesten, 1958)."""
CALM, RESTS, RESTS_AT_MOST = 0.25, 2, 8
"""Below such a gain so many measurements more are made above, the better side to be on; at the most allowed so many."""
BRAKE = 0.4
"""What the elasticity must be higher at the latency ceiling."""
DOWN, UP = -0.35, 0.5
"""The largest steps of the limit, as logarithms."""
FASTER, SLOWER = 0.3, 0.001
"""Weights by which the best latency follows one that is better, and one that is worse."""
SAME_WORK, MOVED, CERTAIN = 0.75, 0.12, 2
"""The work itself has become slower, if half the limit costs more throughput than by this elasticity and moves latency
by less than this logarithm; it is believed at the second time in a row."""
OURS, CUT = 0.7, 0.9
"""What is left of a limit whose calls wait for each other or time out, and of one that was refused while it doubled."""
PATIENCE = 1.0
"""Seconds between two cuts at least: refusals come in crowds, and a crowd is one event."""

FULL, LESS = "it is the most that is allowed", "a little less than the most that is allowed is tried"
DOUBLING, GROWING = "twice as many brought more", "more bring more"


class Bounds(NamedTuple):
    """What a limit is held to."""

    least: int
    most: int
    elasticity: float
    """Where it stops."""
    tolerance: float
    """How many times its best the latency may become."""


class Knee:
    """The rule: whoever holds it asks for `limit`, and calls `look` when `next_look` has come.

    Times are seconds of any monotonic clock; `totals` is what has been counted by then.
    """

    def __init__(self, limit: int, bounds: Bounds, now: float, totals: Totals) -> None:
        self.limit = limit
        self.next_look = now + SHORTEST
        self.best = inf
        """The latency where nothing queues, as far as is known."""
        self.mean = 0.0
        """Seconds that a call took lately; 0: nothing is known."""
        self._bounds = bounds
        self._center = float(limit)
        """What `limit` is tried around."""
        self._reason = ""
        """Why that is what it is."""
        self._starting = Phase(self._start, 12, 0.35)
        self._climbing = Phase(self._climb, 32, 0.35, STEADY)
        self._halving = Phase(self._halve, 32, 0.085, STEADY)
        self._phase = self._starting
        self._origin: tuple[float, Totals] | None = (now, totals)
        """When what is measured began; None: calls that were sent under another limit still end."""
        self._sent = limit
        """Beside how many the calls were sent that end now, while that is so."""
        self._before: Window | None = None
        self._doubtful: Window | None = None
        self._repeats = self._resting = self._suspicions = 0
        self._gain, self._turn = GAIN, 0
        self._below = False
        """What is measured is the lower side."""
        self._refusals = Refusals(now, totals)
        self._cap = Cap()
        self._cut_at, self._counted_at_cut = -inf, -1.0

    @property
    def why(self) -> str:
        """Why the limit is what it is; empty: nothing is known yet."""
        if self.limit >= self._bounds.most and self._reason in (FULL, DOUBLING, GROWING):
            return FULL
        return LESS if self._reason == FULL else self._reason

    # Measuring ----------------------------------------------------------------------------------------------

    def look(self, now: float, totals: Totals) -> None:
        """See what has happened; once that is enough, the limit changes."""
        if now < self.next_look:
            return
        self._refusals.remember(now, self._beside, totals)
        self._sent = self.limit
        if self._origin is None:
            self._measure_from(now, totals)
            return
        seconds, seen = now - self._origin[0], totals - self._origin[1]
        shortest = max(self.mean, self._phase.seconds)
        missing = self._needed(seen) - seen.timed
        if not self.mean and seen.timed >= self.limit:
            self.mean = seen.seconds / seen.timed  # of the first to end, which are the fastest: no measurement
            self._measure_from(now, totals)
        elif missing > 0 or seconds < shortest:
            self.next_look = now + self._soon(seen, seconds, missing, shortest)
        elif seen.busy < USED * self.limit * seconds:
            self._measure_from(now, totals)
        else:
            self.mean = seen.seconds / seen.timed
            window = Window.of(self.limit, seconds, seen)
            self._follow(window.latency)
            self._go(now, *self._phase.judge(window))

    def resume(self, now: float, totals: Totals) -> None:
        """Nobody was there for a while: go on where it stopped."""
        self._refusals.forget(now, totals)
        self._origin, self.next_look = None, now + max(SHORTEST, self.mean)

    @property
    def _beside(self) -> int:
        """Beside how many calls were sent, at least, that end now."""
        return self.limit if self._origin is not None else min(self._sent, self.limit)

    def _measure_from(self, now: float, totals: Totals) -> None:
        self._origin = (now, totals)
        self.next_look = now + max(SHORTEST, self.mean)

    def _needed(self, seen: Totals) -> float:
        ratio = (1 + self._step) / (1 - self._step) if self._phase is self._climbing else 2.0
        return max(self._phase.fewest, min(MOST_CALLS, calls_for(self._phase.exact, spread_of(seen), ratio)))

    def _soon(self, seen: Totals, seconds: float, missing: float, shortest: float) -> float:
        soon = max(shortest - seconds, min(missing * seconds / seen.timed, seconds)) if seen.timed else seconds / 4
        return max(SHORTEST, soon)

    def _follow(self, latency: float) -> None:
        best = latency if self.best == inf else self.best
        self.best = best * (latency / best) ** (FASTER if latency < best else SLOWER)

    def _go(self, now: float, limit: float, why: str) -> None:
        self._cap.lift(now)
        self.limit, self._reason = int(self._within(limit)), why
        self._origin = None
        self.next_look = now + max(SHORTEST, self.mean)

    def _within(self, limit: float) -> float:
        return max(self._bounds.least, min(self._bounds.most, self._cap.most, limit))

    # Deciding -----------------------------------------------------------------------------------------------

    def _start(self, window: Window) -> tuple[float, str]:
        """Twice as many, while that brings much more."""
        before, limit = self._before, window.limit
        if before is not None and limit > before.limit:
            window = window if self._doubtful is None else window.and_also(self._doubtful)
            found, hot = elasticity(before, window), self._hot(window)
            if found < GOING_ON < found + 2 * doubt(before, window) and not hot and self._repeats < REPEATS:
                self._doubtful, self._repeats = window, self._repeats + 1
                return limit, "measuring again"
            self._doubtful, self._repeats = None, 0
            if hot or found < GOING_ON:
                reached = before.limit * window.rate / before.rate  # by Little's law, at the latency of before
                self._center = self._within(max(before.limit, min(limit, reached)))
                return self._settle("calls began to take longer" if hot else "more brought little")
        self._before, self._center = window, float(limit)
        return self._settle(FULL) if limit >= self._bounds.most else (2 * limit, DOUBLING)

    def _settle(self, why: str) -> tuple[float, str]:
        self._phase, self._before = self._climbing, None
        self._doubtful, self._repeats, self._below = None, 0, False
        return self._upper, why

    def _climb(self, window: Window) -> tuple[float, str]:
        """Compare a little less with a little more, and move to the better side."""
        if self._center >= self._cap.most - 0.5:
            return self._cap.most, "more at a time were refused"
        if self._hot(window) and window.limit > 1:
            self._phase, self._before = self._halving, window
            return window.limit // 2, "calls take much longer than they did: is it because of us?"
        if self._below:
            self._before, self._below = window, False
            return self._upper, self._reason
        if self._resting:
            self._resting -= 1
            return window.limit, self._reason
        low, self._before, self._below = self._before, None, True
        why = self._move(low, window) if low is not None and low.limit < window.limit else self._reason
        return self._lower, why

    def _move(self, low: Window, high: Window) -> str:
        bounds, found = self._bounds, max(-1.0, min(1.5, elasticity(low, high)))
        queue = min(1.0, max(0.0, (high.latency / self.best - 1) / (bounds.tolerance - 1)))
        gradient = found - bounds.elasticity - BRAKE * queue**2
        turn = (gradient > 0) - (gradient < 0)
        if turn and self._turn:
            self._gain = min(MOST_GAIN, self._gain * 1.4) if turn == self._turn else max(LEAST_GAIN, self._gain * 0.6)
        self._turn = turn or self._turn
        self._center = self._within(self._center * exp(max(DOWN, min(UP, self._gain * gradient))))
        self._resting = RESTS if self._gain < CALM else 0
        if turn > 0:
            full = self._center >= bounds.most
            self._resting = RESTS_AT_MOST if full else self._resting
            return FULL if full else GROWING
        return "more bring nothing" if found < bounds.elasticity else "more make calls take longer"

    def _halve(self, window: Window) -> tuple[float, str]:
        """Half as many were in flight for once: is the latency ours?"""
        before, self._turn, self._gain = self._before or window, 0, PROBED_GAIN
        if elasticity(window, before) > SAME_WORK and abs(log(window.latency / before.latency)) < MOVED:
            self._suspicions += 1
            self._center = float(before.limit)
            if self._suspicions >= CERTAIN:
                self.best, self._suspicions = window.latency, 0
            return self._settle("the work itself takes longer")
        self._suspicions = 0
        self._center = self._within(before.limit * OURS)
        return self._settle("calls waited for each other")

    def _hot(self, window: Window) -> bool:
        return window.latency > self._bounds.tolerance * self.best

    @property
    def _step(self) -> float:
        return max(LEAST_STEP, min(MOST_STEP, self._gain / 2))

    @property
    def _upper(self) -> int:
        return int(self._center + max(0.5, self._step * self._center) + 0.5)

    @property
    def _lower(self) -> int:
        return max(1, self._upper - max(1, round(2 * self._step * self._center)))

    # What is refused, and what times out --------------------------------------------------------------------

    def refused(self, now: float, totals: Totals, beside: int, *, asked: bool) -> float | None:
        """The other side refused a call that was one of so many; `asked`: it said when to come again.

        Returns the throughput from which a pacer shall begin, if it is the rate that was refused and not the number.
        """
        fewest = self._refusals.add(now, beside)
        fresh, reached = self._fresh(now), None
        if asked or fewest <= 1 or self._refusals.by_rate(now, fewest, self._beside, totals):
            self._cap.lift()
            reached = self._refusals.throughput(now, totals) if fresh else None
        else:
            self._cap.lower(fewest - 1, now)
            self._center = min(self._center, self._cap.most)
            self.limit, self._reason = int(min(self.limit, self._cap.most)), "more at a time were refused"
        if fresh:
            self._cut_at = now
            if self._phase is self._starting:
                share = OURS if self._before is None else CUT
                self._center = self._within(min(self._center, self.limit) * share)
                self._go(now, *self._settle("calls were refused"))
        return reached

    def slow_down(self, now: float, throughput: float) -> None:
        """There is no pacer: fewer calls, so many that they come a little slower than what was refused."""
        self._center = self._within(min(self._center, throughput * self.mean * CUT))
        self._go(now, *self._settle("calls came too fast"))

    def timed_out(self, now: float, totals: Totals) -> None:
        """A call took too long: fewer, and where nothing went well since the last time, from the beginning again."""
        if not self._fresh(now):
            return
        dead = totals.succeeded == self._counted_at_cut
        self._cut_at, self._counted_at_cut = now, totals.succeeded
        self._center = self._within(min(self._center, self.limit) * OURS)
        if dead:
            self._phase, self._before = self._starting, None
            self._go(now, self._center, "all calls timed out")
        else:
            self._go(now, *self._settle("calls timed out"))

    def _fresh(self, now: float) -> bool:
        return now - self._cut_at > max(PATIENCE, self.mean)
