"""An endless batch against a simulated server, through the real engine on virtual time, and what it came to."""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import iobound
from iobound import AdaptiveLimit
from iobound.testing import SimulatedServer, run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Change = tuple[float, str, Any]
"""When, which attribute of the server, and to what."""
WINDOW = 5.0
"""Seconds, or those of 100 calls: over which a level must be reached."""


@dataclass
class Played:
    """One client's part."""

    seconds: float
    ends: list[float] = field(default_factory=list)
    """When calls went well."""
    durations: list[float] = field(default_factory=list)
    limits: list[tuple[float, int, str]] = field(default_factory=list)
    attempts: int = 0
    stats: Any = None

    def rate(self, since: float = 0.0, until: float | None = None) -> float:
        """Calls that went well per second."""
        until = self.seconds if until is None else until
        return (bisect_left(self.ends, until) - bisect_left(self.ends, since)) / (until - since)

    def p95(self, since: float) -> float:
        """Seconds that all but a twentieth of the calls stayed below."""
        late = sorted(self.durations[bisect_left(self.ends, since) :])
        return late[int(0.95 * len(late))]

    @property
    def peak(self) -> int:
        """The highest limit."""
        return max(limit for _, limit, _ in self.limits)

    def reached(self, level: float, since: float = 0.0, until: float | None = None) -> float:
        """Seconds until four of five windows in a row were at that level."""
        until = self.seconds if until is None else until
        width = max(WINDOW, 100 / level)
        good = [
            self.rate(at, at + width) >= level
            for at in (since + index * width for index in range(int((until - since) / width)))
        ]
        for index, first in enumerate(good):
            following = good[index : index + 5]
            if first and sum(following) >= max(1, len(following) - 1):
                return index * width
        return float("inf")


@dataclass
class Client:
    """What a client does: how it is limited, and when it begins."""

    limit: Any
    options: dict[str, Any] = field(default_factory=dict)
    begins: float = 0.0
    around: Callable[[Callable[[Any], Any]], Callable[[Any], Any]] | None = None
    items: Callable[[], Any] = lambda: iter(range(10**9))


def play(server: Any, seconds: float, *clients: Client, changes: Sequence[Change] = ()) -> list[Played]:
    """Let the clients work for so many seconds."""
    random.seed(0)  # of the pauses between retries
    return run_virtual(_play(server, seconds, clients, changes))


async def _play(server: Any, seconds: float, clients: Sequence[Client], changes: Sequence[Change]) -> list[Played]:
    loop = asyncio.get_running_loop()
    for at, name, value in changes:
        loop.call_later(at, setattr, server, name, value)
    return await asyncio.gather(*(_client(server, seconds, client) for client in clients))


async def _client(server: Any, seconds: float, client: Client) -> Played:
    played, loop = Played(seconds), asyncio.get_running_loop()

    class Watch:
        def limit_changed(self, _old: int, new: int, why: str) -> None:
            played.limits.append((loop.time(), new, why))

    async def call(item: Any) -> None:
        began = loop.time()
        played.attempts += 1
        await (server(item) if client.around is None else client.around(server)(item))
        played.ends.append(loop.time())
        played.durations.append(loop.time() - began)

    await asyncio.sleep(client.begins)
    items = client.items()
    run = iobound.map(
        call,
        items,
        concurrency=client.limit,
        ordered=False,
        errors="skip",
        timeout=seconds - client.begins,
        hooks=[Watch()],
        **client.options,
    )
    try:
        async for _ in run:
            pass
    except TimeoutError:
        pass
    played.stats = run.stats
    return played


def adaptive() -> AdaptiveLimit:
    """What every scenario is played with."""
    return AdaptiveLimit(initial=8, max=1000)


def fixed(limit: int, seconds: float, server: Callable[[int], SimulatedServer], **options: Any) -> Played:
    """A client with that limit, on a seed of its own."""
    return play(server(1000), seconds, Client(limit, options))[0]
