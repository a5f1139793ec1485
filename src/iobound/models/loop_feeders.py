"""Feeders of async sources: one task iterates it, on the loop of the run."""

from __future__ import annotations

import asyncio
from threading import Thread, current_thread
from types import AsyncGeneratorType
from typing import TYPE_CHECKING, Any

from iobound.models.feeders import WaitingFeeder
from iobound.models.sources import is_run
from iobound.words.bells import LoopBell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iobound.models.driver import Driver


class TaskFeeder(WaitingFeeder):
    """An async iterable, or an earlier stage consumed from async code; `loop` is None where it is private."""

    def __init__(self, driver: Driver, loop: asyncio.AbstractEventLoop | None) -> None:
        super().__init__(driver)
        self.loop = loop
        self.private = loop is None
        self.task: asyncio.Task[None] | None = None
        self.closing = False

    def start(self) -> None:
        """Start the task on the caller's loop."""
        if self.loop is not None and not self.private:
            self._begin(self.loop)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the task on the run's private loop."""
        if self.private:
            self._begin(loop)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.bell = LoopBell(loop)
        with self.driver.lock:
            self.driver.enter()
        context = self.driver.job.context.copy()
        self.task = asyncio.Task(self._feed(), loop=loop, name="iobound feeder", context=context)
        self.task.add_done_callback(lambda _: self.driver.left())  # also if it is cancelled before its first step

    def halt(self) -> None:
        """Cancel the task, wherever it waits."""
        if self.task is not None and self.loop is not None and not self.task.done():
            try:
                self.loop.call_soon_threadsafe(self._cancel)
            except RuntimeError:
                pass  # the loop is closed, and the task with it

    def _cancel(self) -> None:
        if self.task is not None and not self.closing:
            self.task.cancel()

    async def _feed(self) -> None:
        try:
            await self._pull()
        except BaseException as error:  # noqa: BLE001 - the last resort
            self.driver.crash(error)

    async def detach(self, grace: float) -> None:
        """The private loop is about to end: the source is closed on it first."""
        if self.private and self.task is not None and not self.task.done():
            self._cancel()
            await asyncio.wait([self.task], timeout=grace)

    async def _pull(self) -> None:
        error = None
        items: Any = None
        try:
            items = aiter(self.source.outcomes() if is_run(self.source) else self.source)
            await self._pull_all(items)
        except BaseException as raised:  # noqa: BLE001 - the source's own exception is delivered
            error = raised
        self.closing = True  # what is being closed already must not be cancelled on its way
        if isinstance(items, AsyncGeneratorType) or is_run(items):
            await items.aclose()
        self.end(error)

    async def _pull_all(self, items: AsyncIterator[Any]) -> None:
        stage = self.source.name if is_run(self.source) else None
        while (room := self.room()) >= 0:
            if not room:
                await self.bell.wait()
            for _ in range(room):
                try:
                    item = await anext(items)
                except StopAsyncIteration:
                    return
                if stage is None:
                    self.give(item)
                else:
                    self.give_outcome(item, stage)
                del item  # the source may block now, for long


class LoopThreadFeeder(TaskFeeder):
    """An async source of a run that has no loop: the feeder's thread runs one."""

    def start(self) -> None:
        """Start the thread."""
        with self.driver.lock:
            self.driver.enter()
        Thread(target=self._run, name="iobound feeder", daemon=True).start()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """It has a loop already."""

    async def detach(self, grace: float) -> None:
        """Its own loop goes on until it is done."""

    def _run(self) -> None:
        try:
            asyncio.run(self._hold())
        except BaseException as error:  # noqa: BLE001 - the last resort
            self.driver.crash(error)
        finally:
            self.driver.left(current_thread())

    async def _hold(self) -> None:
        self._begin(asyncio.get_running_loop())
        if self.task is not None:
            await asyncio.wait([self.task])
