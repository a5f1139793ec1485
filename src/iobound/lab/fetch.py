"""Very many requests to one server through iobound, and what came of them. Runs in a child (`iobound.lab.child`)."""

from __future__ import annotations

from contextlib import closing
from http.client import HTTPConnection, HTTPException
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import iobound
from iobound.lab.ways import digest

if TYPE_CHECKING:
    from aiohttp import ClientSession

OK = 200


class InFlight:
    """A hook: how many calls ran at once, at most."""

    def __init__(self) -> None:
        self.peak = 0
        self._now = 0
        self._lock = Lock()  # workers in threads of their own call it

    def started(self, _attempt: object) -> None:
        """A call starts."""
        with self._lock:
            self._now += 1
            self.peak = max(self.peak, self._now)

    def settled(self, _attempt: object) -> None:
        """A call has ended."""
        with self._lock:
            self._now -= 1


def by_aiohttp(address: str, requests: int, concurrency: int) -> dict[str, Any]:
    """Coroutines on asyncio, which share a session."""
    import aiohttp  # noqa: PLC0415 - the other client does without

    async def get(url: str, session: ClientSession) -> str:
        async with session.get(url) as response:
            response.raise_for_status()
            return await response.text()

    return fetch(get, aiohttp.ClientSession, address, requests, concurrency)


def by_http_client(address: str, requests: int, concurrency: int) -> dict[str, Any]:
    """Plain functions on threads, by the standard library alone; each thread keeps a connection."""
    server = urlsplit(address).netloc

    def connect() -> closing[HTTPConnection]:
        return closing(HTTPConnection(server))

    def get(url: str, connection: HTTPConnection) -> str:
        connection.request("GET", urlsplit(url).path)
        response = connection.getresponse()
        content = response.read().decode()
        if response.status != OK:
            raise HTTPException(f"status {response.status}, url={url!r}")
        return content

    return fetch(get, connect, address, requests, concurrency)


def fetch(get: Any, setup: Any, address: str, requests: int, concurrency: int) -> dict[str, Any]:
    """Make requests 0, 1, 2, ... of a server; say how it went, in plain data. Times are in seconds."""
    count = InFlight()
    urls = [f"{address}/{number}" for number in range(requests)]
    pages: list[str | None] = []
    failures: dict[str, list[str]] = {}
    serial = 0.0
    with iobound.map(get, urls, setup=setup, concurrency=concurrency, errors="collect", hooks=[count]) as run:
        for outcome in run:
            pages.append(outcome.value)
            serial += outcome.duration
            if outcome.error is not None:
                kind = type(outcome.error).__name__
                failures.setdefault(kind, []).append(f"{outcome.item}: {outcome.error}")
    running = run.stats.running
    return {
        "done": run.stats.succeeded,
        "failed": run.stats.failed,
        "failures": {kind: [len(texts), texts[0]] for kind, texts in failures.items()},
        "answer": digest(pages),
        "elapsed": run.stats.elapsed,
        "in_flight": count.peak,
        "p50": running.p50,
        "p90": running.p90,
        "p99": running.p99,
        "serial": serial,
    }
