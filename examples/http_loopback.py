"""Several hundred HTTP requests from coroutines, never more at once than asked; the server counts, and agrees.

Run it as `python examples/http_loopback.py`. Client and server are the standard library alone, on the loopback
interface. A real program would take the client of aiohttp or httpx, with `setup=` giving its session: each loop
then has one, opened and closed for you.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import iobound

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUESTS = 300
AT_ONCE = 25
LATENCY = 0.02


class Server(ThreadingHTTPServer):
    """Answers after a while, and remembers how many requests it held at once."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.held = 0
        self.peak = 0

    def hold(self, change: int) -> None:
        """A request begins (+1) or ends (-1)."""
        with self.lock:
            self.held += change
            self.peak = max(self.peak, self.held)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def do_GET(self) -> None:
        """Answer the path in capitals; /17, as real servers do now and then, fails."""
        self.server.hold(+1)
        time.sleep(LATENCY)
        body = self.path.upper().encode()
        self.server.hold(-1)
        self.send_response(500 if self.path == "/17" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[Server]:
    """A server in a thread, until the end of the block."""
    with Server() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


async def get(port: int, path: str) -> bytes:
    """The body at a path of the loopback server. Any status but 200 is an error."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        status = head.split(maxsplit=2)[1].decode()
        if status != "200":
            message = f"{path}: HTTP {status}"
            raise OSError(message)
        return body
    finally:
        writer.close()


async def main() -> None:
    """Fetch everything as a stream, and tell failures from answers."""
    with serving() as server:
        port = server.server_port

        async def fetch(path: str) -> bytes:
            return await get(port, path)

        paths = (f"/{number}" for number in range(REQUESTS))
        failures: list[str] = []
        size = 0
        async with iobound.map(
            fetch, paths, concurrency=AT_ONCE, task_timeout=5, errors="collect", ordered=False
        ) as run:
            async for outcome in run:
                if outcome.value is not None:
                    size += len(outcome.value)
                else:
                    failures.append(str(outcome.error))
    stats = run.stats
    print(f"{stats.succeeded} answers, {size:,} bytes, in {stats.elapsed:.2f} s; failed: {', '.join(failures)}")
    print(f"asked for at most {AT_ONCE} at once; the server held at most {server.peak}")
    print(f"a request took {1000 * stats.running.p50:.0f} ms in the median, {1000 * stats.running.p99:.0f} ms at p99")


if __name__ == "__main__":
    asyncio.run(main())
