"""The servers of the zoo, on the loopback interface, each in a process of its own.

One of them waits, has so many slots, refuses what is too much or collapses, by its `Manner`; one that changes has two
manners. It depends on nothing that is measured: it serves any version of iobound alike.

    with serving([Manner(delay=0.05, slots=20)]) as address:  # "http://127.0.0.1:40123"
        ...
"""

import asyncio
import json
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from math import inf

from iobound.lab.process import started
from iobound.lab.server import BACKLOG, Quota, end_with_parent

OK, TOO_MANY = 200, 429
REASONS = {OK: "OK", TOO_MANY: "Too Many Requests"}
NEVER = 1 << 62
"""The number of a request that nobody makes."""

Answer = Callable[[int], None]


@dataclass(frozen=True)
class Manner:
    """How a server treats requests."""

    delay: float
    """Seconds that it works on one."""
    slots: float = inf
    """So many at a time; others wait, first in, first out."""
    allowed: float = inf
    """Requests per second, by a bucket of one second; what is more is refused by 429, with no `Retry-After`."""
    knee: float = inf
    """With n > knee at a time each lasts (n / knee) ** 2 times as long: throughput falls, as it does by thrashing."""


@contextmanager
def serving(manners: Sequence[Manner], change_at: int = NEVER) -> Iterator[str]:
    """A server until the end of the block; its address. The second manner holds from request `change_at` on."""
    order = json.dumps([[asdict(manner) for manner in manners], change_at])
    with started("zoo_servers", order, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = process.stdout.readline().decode().strip()
        if not port:
            raise RuntimeError(f"the server did not start (exit status {process.wait()})")
        yield f"http://127.0.0.1:{port}"


# --- in the process of the server ---


class Desk:
    """Where requests wait and are served."""

    def __init__(self, manners: Sequence[Manner], change_at: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.manner, self.later = manners[0], manners[-1]
        self.change_at = change_at
        self.quota = Quota(self.manner.allowed) if self.manner.allowed < inf else None
        self.waiting: deque[Answer] = deque()
        self.serving = 0

    def arrive(self, number: int, answer: Answer) -> None:
        """A request has come."""
        if number >= self.change_at:
            self.manner = self.later
        if self.quota is not None and not self.quota.admits():
            answer(TOO_MANY)
            return
        self.waiting.append(answer)
        self._serve()

    def _serve(self) -> None:
        manner = self.manner
        while self.waiting and self.serving < manner.slots:
            self.serving += 1
            lasts = manner.delay * max(1.0, self.serving / manner.knee) ** 2
            self.loop.call_later(lasts, self._served, self.waiting.popleft())

    def _served(self, answer: Answer) -> None:
        self.serving -= 1
        answer(OK)
        self._serve()


class Connection(asyncio.Protocol):
    """One connection, kept open: a request has a number as its path, and no body."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Requests, or part of one."""
        *requests, self.received = (self.received + data).split(b"\r\n\r\n")
        for request in requests:
            self.desk.arrive(int(request.split(maxsplit=2)[1][1:]), self.answer)

    def answer(self, status: int) -> None:
        """Answer a request, if anybody still listens."""
        if not self.transport.is_closing():
            head = f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Length: 4\r\n\r\n"
            self.transport.write(head.encode() + b"page")


async def serve(manners: Sequence[Manner], change_at: int) -> None:
    """Listen on a free port, print it, answer until this process ends."""
    desk = Desk(manners, change_at)
    server = await desk.loop.create_server(lambda: Connection(desk), "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    told, change_at = json.loads(sys.argv[1])
    asyncio.run(serve([Manner(**each) for each in told], change_at))
