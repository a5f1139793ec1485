"""These tests share their scenarios; pytest imports each file by itself, so: by path.

The scenarios compute for minutes: all of them are played in as many processes as there are processors. One that fails
there is played again here, where pytest tells why: they are deterministic. The pool is gone by then: a virtual loop
waits for other threads, and would wait for its threads for ever.
"""

from __future__ import annotations

import sys
from concurrent.futures import Future, ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

FOLDER = str(Path(__file__).parent)
sys.path[:0] = [FOLDER]

SCENARIOS = "test_scenarios"
played: dict[str, Future[None]] = {}
pools: list[ProcessPoolExecutor] = []


def play_one(name: str, facts: dict[str, Any]) -> None:
    """One scenario, in a process of the pool."""
    getattr(import_module(SCENARIOS), name)(**facts)


@pytest.fixture(scope="module")
def stage(request):
    """All scenarios of this session, under way. Nothing is left for later tests."""
    path = [FOLDER, *sys.path]
    with ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=sys.path.extend, initargs=(path,)) as pool:
        for item in request.session.items:
            if item.path.stem == SCENARIOS:
                played[item.nodeid] = pool.submit(play_one, item.function.__name__, item.callspec.params)
        pools.append(pool)
        yield
        pool.shutdown(cancel_futures=True)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """It has been played if it went well elsewhere."""
    future = played.get(pyfuncitem.nodeid)
    if future is None:
        return None
    if future.exception() is None:
        return True
    while pools:
        pools.pop().shutdown()
    return None
