"""`progress=`: seen while the run goes on, gone when it ends, however it ends."""

from __future__ import annotations

import gc
import logging
import sys
import threading
import time

import pytest

import iobound
from iobound.observers.progress import LineView, one_line
from iobound.words.stats import Stats


def watchers():
    return [thread for thread in threading.enumerate() if thread.name == "iobound progress"]


def until(condition):
    """Wait for it, 5 s at most."""
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_callable_sees_the_run_go_on_and_how_it_ended():
    """It is called in a thread of its own, and a last time at the end."""
    seen, gate = [], threading.Event()

    def call(item):
        if item == 5:
            gate.wait(5)
        return item

    def watch(stats):
        seen.append(stats)
        gate.set()

    assert list(iobound.map(call, range(10), concurrency=1, progress=watch)) == [*range(10)]
    assert seen[0].succeeded == 5
    assert seen[-1].succeeded == 10
    assert watchers() == []


async def waits(item):
    return item


@pytest.mark.parametrize("ending", ["close", "error", "drop"])
@pytest.mark.parametrize("model", ["serial", "threads", "asyncio"])
def test_nobody_watches_when_the_run_is_over(model, ending):
    """However it ends."""

    def plain(item):
        if item == 30 and ending == "error":
            raise LookupError(item)
        return item

    async def coroutine(item):
        return plain(item)

    fn = coroutine if model == "asyncio" else plain
    run = iobound.map(fn, range(1000), model=model, progress=lambda _: None, buffersize=4, concurrency=2)
    assert next(run) == 0
    assert len(watchers()) == 1
    if ending == "close":
        run.close()
    elif ending == "error":
        with pytest.raises(LookupError):
            list(run)
    if ending != "drop":
        assert watchers() == []
    del run
    gc.collect()
    until(lambda: not watchers())


def test_a_callable_that_raises_hurts_nobody(caplog):
    """It is logged, once, and not called again."""
    calls = []

    def watch(stats):
        calls.append(stats)
        raise ValueError("no room")

    with caplog.at_level(logging.ERROR, "iobound"):
        run = iobound.map(time.sleep, [0.05] * 8, concurrency=1, progress=watch)
        list(run)
    assert "showing progress failed" in caplog.text


def test_lines_where_no_terminal_is(monkeypatch, capfd):
    """On stderr, with the name of the function."""
    monkeypatch.setattr(LineView, "every", 0.03)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    list(iobound.map(time.sleep, [0.05] * 4, concurrency=1, progress=True))
    out, err = capfd.readouterr()
    assert out == ""
    assert "sleep: " in err
    assert "/4  " in err


def test_what_a_line_says():
    """How far, how fast, how long still."""
    stats = Stats(succeeded=30, failed=10, in_flight=4, elapsed=2.0)
    assert one_line(stats, 100) == "40/100  20.0/s  in flight 4  failed 10  ETA 3 s"
    assert one_line(Stats(), None) == "0  0.0/s  in flight 0"


@pytest.mark.parametrize("wrong", ["yes", 1.5, None])
def test_what_is_no_progress_is_refused(wrong):
    with pytest.raises((TypeError, ValueError), match="progress="):
        iobound.map(str, "a", progress=wrong)
