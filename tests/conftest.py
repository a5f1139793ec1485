"""What holds for every test: hypothesis profiles, the `torture` mark, and that no thread is left behind."""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
import traceback
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

sys.path.insert(0, str(Path(__file__).parent))  # for what several rooms share: `stepping`
TORTURE = os.environ.get("IOBOUND_TORTURE") == "1"
PATIENCE = 2.0
"""Seconds that a thread may take to end after its test."""

settings.register_profile("quick", derandomize=False, deadline=None, max_examples=60, print_blob=True)
settings.register_profile("torture", settings.get_profile("quick"), max_examples=3_000)
settings.load_profile("torture" if TORTURE else "quick")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the long tests unless they were asked for."""
    if TORTURE:
        return
    skip = pytest.mark.skip(reason="long: set IOBOUND_TORTURE=1, or run `make torture`")
    for item in items:
        if item.get_closest_marker("torture"):
            item.add_marker(skip)


class Records(logging.Handler):
    """What asyncio, concurrent.futures and iobound had to say."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@pytest.fixture
def records() -> Iterator[Records]:
    """Listens while the test runs."""
    records = Records()
    loggers = [logging.getLogger(name) for name in ("asyncio", "iobound", "concurrent.futures")]
    for logger in loggers:
        logger.addHandler(records)
    yield records
    for logger in loggers:
        logger.removeHandler(records)


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Any:
    """All that is taken from rates, written down."""
    sys.path.insert(0, str(Path(__file__).with_name("policies")))
    from ledger import Ledger

    book = Ledger()
    book.watch(monkeypatch)
    return book


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """After the test no thread of iobound is left, and none that would hold up the interpreter's exit."""
    before = set(threading.enumerate())
    yield
    if "iobound.api.bridges" in sys.modules:  # the one thread that is meant to stay
        sys.modules["iobound.api.bridges"]._background.stop()
    pause = threading.Event()
    deadline = monotonic() + PATIENCE
    while (left := strays(before)) and monotonic() < deadline:
        gc.collect()  # a dropped bridge lets its threads go
        pause.wait(0.01)
    if left:
        pytest.fail("threads left behind:\n" + "\n".join(map(described, left)), pytrace=False)


def strays(before: set[threading.Thread]) -> list[threading.Thread]:
    """Threads that started since `before` and should be gone."""
    return [
        thread
        for thread in threading.enumerate()
        if thread not in before and (not thread.daemon or thread.name.startswith("iobound"))
    ]


def described(thread: threading.Thread) -> str:
    """The thread, and where it is."""
    frame = sys._current_frames().get(thread.ident or 0)
    where = "".join(traceback.format_stack(frame)[-3:]) if frame else "  (no frame)\n"
    return f"{thread.name} (daemon={thread.daemon}), now in\n{where}"
