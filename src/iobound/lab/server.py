"""A flaky HTTP server on the loopback interface, in a process of its own.

What happens to a request is drawn from the seed and the number in its path alone (`/17`), so a run can be repeated,
and whoever asks can tell beforehand which requests will fail.

    with serving(seed=1) as address:  # "http://127.0.0.1:40123"
        ...
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import responses
from typing import TYPE_CHECKING

from iobound.lab.process import started

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one request."""

    delay: float
    """Seconds until it is answered, or spoiled."""
    status: int
    """200, 500, or 0 for a connection that is dropped without an answer."""


@dataclass(frozen=True, slots=True)
class Temper:
    """How the server treats requests: the shortest and longest delay in seconds, and the share it spoils."""

    seed: int = 1
    fastest: float = 0.02
    slowest: float = 0.2
    faults: float = 0.02
    allowed: float | None = None
    """Requests per second; what is more is refused by status 429 and `Retry-After: 1`. None: any number."""

    def fate(self, number: int) -> Fate:
        """What becomes of the request with this number; always the same."""
        draw = random.Random(f"{self.seed}/{number}")  # noqa: S311 - guards no secret
        delay = draw.uniform(self.fastest, self.slowest)
        spoiled = draw.random() < self.faults
        return Fate(delay, draw.choice((500, 0)) if spoiled else 200)


def body(number: int) -> bytes:
    """What a request with this number is answered with, if it is not spoiled."""
    return f"page {number}".encode()


@contextmanager
def serving(temper: Temper) -> Iterator[str]:
    """A server in a process of its own, until the end of the block; its address.

    It also ends when this process does, in whatever way: the end of its standard input tells it.
    """
    order = json.dumps(asdict(temper))
    with started("iobound.lab.server", order, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        port = process.stdout.readline().decode().strip()
        if not port:
            raise RuntimeError(f"the loopback server did not start (exit status {process.wait()})")
        yield f"http://127.0.0.1:{port}"


# --- in the process of the server ---


class Quota:
    """A token bucket that holds one second's worth, as many APIs police it."""

    def __init__(self, allowed: float) -> None:
        self.allowed = self.level = allowed
        self.at = time.monotonic()

    def admits(self) -> bool:
        """Whether one more request may pass."""
        now = time.monotonic()
        self.level, self.at = min(self.allowed, self.level + (now - self.at) * self.allowed), now
        if self.level < 1:
            return False
        self.level -= 1
        return True


class Connection(asyncio.Protocol):
    """One connection: requests come one after the other, and stay open in between."""

    def __init__(self, temper: Temper, quota: Quota | None) -> None:
        self.temper = temper
        self.quota = quota
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker: TCP is a stream
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Part of a request, or all of it. Only the path matters, and GET has no body."""
        self.received += data
        while b"\r\n\r\n" in self.received:
            head, _, self.received = self.received.partition(b"\r\n\r\n")
            path = head.split(maxsplit=2)[1].decode(errors="replace")
            number = path.removeprefix("/")
            if self.quota is not None and not self.quota.admits():
                self.answer(429, b"too many")
            elif number.isdecimal():
                fate = self.temper.fate(int(number))
                asyncio.get_running_loop().call_later(fate.delay, self.answer, fate.status, body(int(number)))
            else:
                self.answer(404, b"no such page")

    def answer(self, status: int, content: bytes) -> None:
        """Answer, or drop the connection."""
        if not status:
            self.transport.abort()
        elif not self.transport.is_closing():
            if status != 200:  # noqa: PLR2004 - HTTP's "OK"
                content = b"spoiled on purpose"
            later = "Retry-After: 1\r\n" if status == 429 else ""  # noqa: PLR2004 - "Too Many Requests"
            head = f"HTTP/1.1 {status} {responses[status]}\r\n{later}Content-Length: {len(content)}\r\n\r\n"
            self.transport.write(head.encode() + content)


async def serve(temper: Temper) -> None:
    """Listen on a free port of the loopback interface, print it, answer until this process ends."""
    loop = asyncio.get_running_loop()
    quota = None if temper.allowed is None else Quota(temper.allowed)
    server = await loop.create_server(lambda: Connection(temper, quota), "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - the parent reads it
    async with server:
        await server.serve_forever()


def end_with_parent() -> None:
    """Wait until the parent closes our standard input, be it by dying; then end, whatever goes on."""
    while os.read(0, 1):  # not `sys.stdin`: its lock, held here, would break the end of the interpreter
        pass
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    asyncio.run(serve(Temper(**json.loads(sys.argv[1]))))
