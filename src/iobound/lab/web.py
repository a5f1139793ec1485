"""The demo's second half: very many requests to a flaky server, through iobound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iobound.lab.child import ChildError, Measured, NotInstalledError, measure
from iobound.lab.server import Temper, body, serving
from iobound.lab.ways import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REQUESTS = 2_000
CONCURRENCY = 100
TEMPER = Temper()


def compare(out: Callable[[str], None]) -> bool:
    """Make the requests, and print how it went; whether exactly those failed that the server spoiled."""
    t = TEMPER
    out(f"2. HTTP: {REQUESTS:,} requests to a server on the loopback interface, which answers after")
    out(f"   {1000 * t.fastest:.0f} to {1000 * t.slowest:.0f} ms and spoils {t.faults:.0%} of them (seed {t.seed}).")
    out("")
    try:
        client, measured = requested()
    except (ChildError, RuntimeError) as error:
        out(f"crashed: {error}")
        return False
    right: bool = digest(expected()) == measured.value["answer"]
    for line in lines(client, measured):
        out(line)
    if not right:
        out("WRONG ANSWER: what failed is not what the server spoiled, or a page is not what it sent")
    return right


def requested() -> tuple[str, Measured]:
    """The requests, by aiohttp where it is installed; which client, and what was measured."""
    with serving(TEMPER) as address:
        try:
            program = "iobound.lab.fetch:by_aiohttp"
            return "aiohttp", measure(
                program, address, REQUESTS, CONCURRENCY, needs=("aiohttp", "iobound.models.asyncio")
            )
        except NotInstalledError:
            program = "iobound.lab.fetch:by_http_client"
            return "http.client (aiohttp: not installed)", measure(program, address, REQUESTS, CONCURRENCY)


def expected() -> Iterator[str | None]:
    """The page that every request must have got; None where the server spoils it."""
    for number in range(REQUESTS):
        yield None if TEMPER.fate(number).status != 200 else body(number).decode()  # noqa: PLR2004 - HTTP's "OK"


def lines(client: str, measured: Measured) -> Iterator[str]:
    """How it went, in words."""
    it = measured.value
    setup, on = ("aiohttp.ClientSession", "asyncio") if client == "aiohttp" else ("connect", "threads")
    yield f"iobound.map(get, urls, setup={setup}, concurrency={CONCURRENCY}, errors='collect')"
    yield f"by {client}, on {on}"
    yield ""
    throughput = (it["done"] + it["failed"]) / it["elapsed"]
    yield f"done      {it['done']:,} in {it['elapsed']:.2f} s, {throughput:,.0f} requests/s"
    yield f"failed    {it['failed']:,}, each alone and none silently:"
    for kind, (count, example) in sorted(it["failures"].items()):
        yield f"          {count:,} x {kind}, such as {example}"
    milliseconds = [f"{name} {1000 * it[name]:.0f} ms" for name in ("p50", "p90", "p99")]
    yield f"latency   {', '.join(milliseconds)}"
    threads = "an unknown number of" if measured.threads is None else f"{measured.threads:,}"
    yield f"in flight at most {it['in_flight']:,} at once, on {threads} threads, with {measured.cpu:.2f} s of CPU"
    factor = it["serial"] / it["elapsed"]
    yield f"serially  {it['serial']:.0f} s, an estimate: the sum of all call times; {factor:.0f} times as long"
