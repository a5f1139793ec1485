"""A call that keeps an event loop from going on is named. On real loops, which really stand still for a while.

A call blocks its loop until the watchdog has seen enough, or has spoken: so no test depends on how fast the machine
is, and only what must not be named is waited for.
"""

from __future__ import annotations

import asyncio
import functools
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import iobound
from iobound.models import blocking
from iobound.models.blocking import AGAIN, MANY, Beat, Look, Pulse
from iobound.models.places import Place, place_in
from iobound.testing import run_virtual

CEILING = 10.0
"""Seconds after which nobody waits any more for the watchdog."""
LATE, BLOCKED = 0.5, 0.35
"""Seconds after which the loop is watched for certain, and those that others block it for."""


def patrolled() -> list[Any]:
    return blocking._patrol.living()


def watched() -> bool:
    """The run is watched."""
    return bool(patrolled())


def seen() -> bool:
    """The watchdog knows whom to blame, and waits for the loop to go on."""
    return any(watch.pulse.beat is not None and watch.pulse.beat.guilty for watch in patrolled())


def block(until: Any) -> None:
    deadline = time.monotonic() + CEILING
    while not until() and time.monotonic() < deadline:
        time.sleep(0.05)  # here


class Work:
    """Calls that wait until the run is watched, of which the first then blocks the loop."""

    def __init__(self, until: Any = seen) -> None:
        self.until = until
        self.blocked = False

    async def __call__(self, item: int) -> int:
        deadline = time.monotonic() + CEILING
        while not (watched() or self.blocked) and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        if not self.blocked:
            self.blocked = True
            block(self.until)
        return item


def line_of(text: str) -> int:
    """Where it stands in this file."""
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def of_a_run(work: Any, consumer: str = "for") -> list[int]:
    run = iobound.map(work, range(8), concurrency=4)
    if consumer == "for":
        return list(run)

    async def main() -> list[int]:
        return await run

    return asyncio.run(main())


async def patient(item: int) -> int:
    """Never blocks, for as long as a block would take to be seen."""
    await asyncio.sleep(LATE)
    return item


@pytest.mark.parametrize("consumer", ["for", "await"])
def test_it_is_named_once_with_its_line_and_the_remedy(consumer: str) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert of_a_run(Work(), consumer) == [*range(8)]
    [warning] = said
    line = line_of("time.sleep(0.05)  # here")
    assert warning.category is iobound.BlockingLoopWarning
    assert (warning.filename, warning.lineno) == (__file__, line)
    text, hint = str(warning.message).split("\n")
    assert text.startswith("Work() blocked the event loop for more than 0.1 s at ")
    assert text.endswith(f"test_blocked_loops.py:{line} (time.sleep): nothing else went on")
    assert hint.startswith("hint: ")
    assert "iobound.to_async(time.sleep)" in hint


def test_one_that_does_not_come_back_is_named_meanwhile() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        of_a_run(Work(until=lambda: bool(said)))
    assert "for more than 1 s" in str(said[0].message)
    assert len(said) == 1


def test_the_very_first_call_is_named_though_its_loop_can_tell_nobody() -> None:
    """Whoever consumes in another thread sees that nothing comes."""

    async def at_once(item: int) -> int:
        if not item:
            block(lambda: bool(said))
        return item

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert of_a_run(at_once) == [*range(8)]
    assert len(said) == 1


@pytest.mark.parametrize("awaits", [False, True])
def test_calls_that_block_one_after_the_other_are_named_where_nobody_else_looks(awaits: bool) -> None:
    """On the consumer's own loop: the worker whose call has kept it says so, before the next one blocks it."""

    async def blocks(item: int) -> int:
        if awaits:
            await asyncio.sleep(0.01)  # all go on in the same turn of the loop
        if item:
            block(lambda: bool(said))
        else:
            time.sleep(0.02)
        return item

    async def main() -> list[int]:
        return await iobound.map(blocks, range(4), concurrency=4)

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert asyncio.run(main()) == [*range(4)]
    assert len(said) == 1


def test_a_call_that_kept_the_loop_lets_others_have_it() -> None:
    async def main() -> list[str]:
        order: list[str] = []

        async def neighbour() -> None:
            order.append("neighbour")

        async def call(item: int) -> None:
            if not item:
                asyncio.get_running_loop().create_task(neighbour())
                time.sleep(0.02)
            order.append("call")

        await iobound.map(call, range(40), concurrency=1)
        return order

    assert asyncio.run(main()).index("neighbour") < 40 - 1


def test_python_shows_it_once_in_the_life_of_the_process() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        for _ in range(2):
            of_a_run(Work())
    assert len(said) == 1


def test_nobody_is_blamed_for_waiting() -> None:
    assert of_a_run(patient) == [*range(8)]  # warnings are errors here


def test_other_code_on_the_loop_is_not_ours() -> None:
    async def main() -> list[int]:
        async def rude() -> None:
            await asyncio.sleep(LATE)
            time.sleep(BLOCKED)

        task = asyncio.create_task(rude())
        values = await iobound.map(patient, range(8), concurrency=4)
        await task
        return values

    assert asyncio.run(main()) == [*range(8)]


def test_who_turns_warnings_into_errors_sees_the_run_fail() -> None:
    with pytest.raises(iobound.BlockingLoopWarning, match="blocked the event loop"):
        of_a_run(Work())


def test_whoever_fails_to_show_it_harms_no_run(monkeypatch: pytest.MonkeyPatch, records: Any) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError("no terminal")

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", broken)
        assert of_a_run(Work()) == [*range(8)]
    assert "no terminal" in records.said[0]


def test_without_a_thread_the_run_goes_on_unwatched(monkeypatch: pytest.MonkeyPatch, records: Any) -> None:
    def full(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(blocking.Watchdog, "start", full)
    assert of_a_run(patient) == [*range(8)]
    assert records.said == []


def test_no_time_is_watched_that_somebody_else_moves() -> None:
    async def call(item: int) -> int:
        await asyncio.sleep(1)
        if item == 50:
            time.sleep(0.3)
        return item

    async def main() -> list[int]:
        return await iobound.map(call, range(60), concurrency=4)

    assert run_virtual(main()) == [*range(60)]


# What the watch costs, and what is left of it ------------------------------------------------------------------


def named() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "iobound watch"]


def test_a_brief_run_starts_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    monkeypatch.setattr(blocking.Watchdog, "start", started.append)

    async def brief(item: int) -> int:
        return item

    assert of_a_run(brief) == [*range(8)]
    assert started == []


def test_all_runs_share_one_thread_and_those_on_a_loop_one_pulse() -> None:
    async def main() -> tuple[list[str], int, int]:
        runs = [asyncio.ensure_future(iobound.map(patient, range(4))._gather()) for _ in range(5)]
        while len(patrolled()) < len(runs):
            await asyncio.sleep(0.01)
        found = named(), len(patrolled()), len({watch.pulse for watch in patrolled()})
        await asyncio.gather(*runs)
        return found

    assert asyncio.run(main()) == (["iobound watch"], 5, 1)
    assert named() == []


def test_nothing_is_left_when_the_run_is_closed() -> None:
    async def main() -> list[str]:
        async with iobound.map(patient, range(10_000), concurrency=4) as run:
            await anext(run)
            assert named() == ["iobound watch"]
        return named()

    assert asyncio.run(main()) == []


DROPPED = """
import asyncio, gc, threading, time, iobound
from iobound.models import blocking

async def nap(item):
    await asyncio.sleep(0.01)
run = iobound.map(nap, range(10**6), concurrency=4)

async def main():
    async for _ in run:
        if blocking._patrol.living():
            break
loop = asyncio.new_event_loop()
loop.run_until_complete(main())
assert threading.active_count() == 2
del run, loop
def left():
    gc.collect()
    return threading.active_count() > 1 or any(type(each).__name__ == "TaskCrew" for each in gc.get_objects())
deadline = time.monotonic() + 10
while left() and time.monotonic() < deadline:
    time.sleep(0.01)
assert not left()
"""


def test_a_run_that_is_dropped_is_gone_even_if_its_loop_never_runs_again() -> None:
    subprocess.run([sys.executable, "-c", DROPPED], check=True, timeout=30)


FORKED = """
import asyncio, os, iobound
async def nap(item):
    await asyncio.sleep(0.5)
    return item
run = iobound.map(nap, range(4), concurrency=1)
next(run)
child = os.fork()
if not child:
    assert list(iobound.map(nap, range(2), concurrency=1)) == [0, 1]
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert list(run) == [1, 2, 3]
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_child_has_a_watch_of_its_own() -> None:
    subprocess.run([sys.executable, "-c", FORKED], check=True, timeout=30)


# Who is blamed -------------------------------------------------------------------------------------------------


def place(line: int) -> Place:
    return Place("jobs.py", line, place.__code__, 0, {})


def blamed(beat: Beat, *looks: tuple[int, int]) -> int | None:
    """The line that is blamed after looks at which call number so-and-so stood in a line."""
    for call, line in looks:
        beat.add(Look(WATCH, (call, 1), place(line)))
    return None if beat.guilty is None else beat.guilty.place.line


WATCH: Any = type("Watch", (), {})()


def test_a_call_is_blamed_that_was_seen_twice() -> None:
    beat = Beat(0.0)
    assert blamed(beat, (0, 17)) is None
    assert blamed(beat, (1, 18)) is None
    assert blamed(beat, (1, 18)) == 18


def test_brief_calls_are_blamed_together_for_the_line_in_which_most_stand() -> None:
    beat = Beat(0.0)
    assert blamed(beat, *((call, 17 if call % 3 else 20) for call in range(MANY - 1))) is None
    assert blamed(beat, (MANY, 17)) == 17
    assert blamed(Beat(0.0), *((call, call) for call in range(MANY))) is None


def test_nobody_is_blamed_for_a_process_that_stood_still() -> None:
    beat = Beat(0.0)
    assert blamed(beat, (0, 17), (0, 17)) == 17
    beat.stood_still(60.0)
    assert beat.guilty is None
    assert blamed(beat, (0, 17)) is None
    assert beat.sent == 60.0


def test_a_loop_that_waits_is_not_woken_and_one_that_works_answers() -> None:
    """In the meantime no task runs on it; later the one that looks does."""

    def feel_when_it_waits(pulse: Pulse) -> bool:
        while asyncio.current_task(pulse.loop) is not None:
            time.sleep(0.001)
        return pulse.feel([], 0.0, late=False)

    async def main() -> tuple[bool, bool, bool, bool]:
        loop = asyncio.get_running_loop()
        pulse = Pulse(SimpleNamespace(loop=loop, crew=SimpleNamespace(thread=threading.get_ident())))  # type: ignore[arg-type]
        idle = await loop.run_in_executor(None, feel_when_it_waits, pulse)
        sent = pulse.feel([], 1.0, late=False)
        unanswered = pulse.feel([], 1.0 + AGAIN, late=False)
        await asyncio.sleep(0)
        return idle, sent, unanswered, pulse.feel([], 1.0 + 2 * AGAIN, late=False)

    assert asyncio.run(main()) == (False, True, True, False)


# Where a call stands -------------------------------------------------------------------------------------------


class Zero(int):
    """An attribute that is got through a frame of the standard library."""

    place = functools.cached_property(lambda _: place_in(sys._getframe(1)))


async def here(_: object, *more: object) -> Any:
    return place_in(sys._getframe()), "here"


async def in_the_library(_: object) -> Any:
    return Zero().place, "in the library"


async def inside_iobound(_: object) -> Any:
    return next(iobound.map(lambda _: place_in(sys._getframe(1)), [0], model="serial"))


LIMITED = iobound.Limiter("1000/s")(here)


@pytest.mark.parametrize(
    "fn, options, line",
    [
        (here, {}, 'return place_in(sys._getframe()), "here"'),
        (functools.partial(here), {}, 'return place_in(sys._getframe()), "here"'),
        (lambda item: here(item, item), {"model": "asyncio"}, 'return place_in(sys._getframe()), "here"'),
        (LIMITED, {}, 'return place_in(sys._getframe()), "here"'),
        (in_the_library, {}, 'return Zero().place, "in the library"'),
    ],
    ids=["function", "partial", "lambda", "limiter", "library"],
)
def test_the_deepest_line_of_the_users_own_is_named(fn: Any, options: Any, line: str) -> None:
    [(found, _)] = iobound.map(fn, [0], **options)
    assert (found.file, found.line) == (__file__, line_of(line))


@pytest.mark.filterwarnings("ignore::iobound.BlockingLoopWarning")
def test_waiting_inside_iobound_has_a_warning_of_its_own() -> None:
    assert list(iobound.map(inside_iobound, [0])) == [None]


def test_a_hook_is_not_the_call() -> None:
    found: list[object] = []

    class Hook:
        def settled(self, _: object) -> None:
            found.append(place_in(sys._getframe()))

    async def call(item: int) -> int:
        return item

    list(iobound.map(call, [0], hooks=[Hook()]))
    assert found == [None]


def test_outside_a_run_there_is_no_call() -> None:
    assert place_in(sys._getframe()) is None


def test_what_is_called_there_is_named_if_it_has_a_name() -> None:
    class Session:
        @staticmethod
        def get(*_: object) -> Any:
            return Place.called(at(sys._getframe(1)))

    def at(frame: Any) -> Place:
        return Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code, frame.f_lasti, frame.f_globals)

    session, several = Session(), [Session()]
    assert session.get("a", "b") == "session.get"
    assert several[0].get(1) is None
    # fmt: off
    assert session.get(
        "over", "lines"
    ) == "session.get"
    # fmt: on
