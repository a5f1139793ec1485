"""Other sides that police what they are sent, in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import Any


class Refused(Exception):  # noqa: N818 - it says what happened
    """A response of status 429, as the exception of a client."""

    def __init__(self, status: int, after: float | None) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.headers = {} if after is None else {"Retry-After": f"{after:g}"}


class BucketServer:
    """Allows so many requests per second, by a bucket that holds one second's worth; answers after `delay`."""

    def __init__(self, allowed: float, delay: float = 0.05, after: float = 1.0) -> None:
        self.allowed, self.delay, self.after = allowed, delay, after
        self.level, self.at = allowed, 0.0
        self.seen: Counter[str] = Counter()

    async def __call__(self, item: Any) -> Any:
        self.police(asyncio.get_running_loop().time())
        await asyncio.sleep(self.delay)
        return item

    def police(self, now: float) -> None:
        """A request comes in; `Refused` if it is one too many."""
        self.level, self.at = min(self.allowed, self.level + (now - self.at) * self.allowed), now
        self.seen["requests"] += 1
        if self.level < 1:
            self.seen["refused"] += 1
            raise Refused(429, self.after)
        self.level -= 1


class WindowServer(BucketServer):
    """Allows so many requests in any one second, exactly counted."""

    def __init__(self, allowed: float, delay: float = 0.05, after: float = 1.0) -> None:
        super().__init__(allowed, delay, after)
        self.times: deque[float] = deque()

    def police(self, now: float) -> None:
        """A request comes in; `Refused` if there were as many within the last second."""
        while self.times and self.times[0] <= now - 1.0:
            self.times.popleft()
        self.seen["requests"] += 1
        if len(self.times) >= self.allowed:
            self.seen["refused"] += 1
            raise Refused(429, self.after)
        self.times.append(now)
