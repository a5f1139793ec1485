"""What the exceptions of real clients tell of a real response."""

from __future__ import annotations

import asyncio
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from iobound.policies import retry_after, status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Busy(BaseHTTPRequestHandler):
    """Answers 429; the path says what stands in `Retry-After`."""

    def do_GET(self) -> None:
        self.send_response(429)
        date = self.date_time_string(int(1e9) + 30)
        self.send_header("Retry-After", date if self.path.endswith("/date") else "7")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The clock of this server is not ours."""
        return super().date_time_string(int(1e9) if timestamp is None else int(timestamp))

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def by_urllib(url: str) -> BaseException:
    with pytest.raises(HTTPError) as caught:
        urlopen(url)  # noqa: S310 - it is ours
    caught.value.close()
    return caught.value


def by_aiohttp(url: str) -> BaseException:
    aiohttp = pytest.importorskip("aiohttp")

    async def fetch() -> None:
        async with aiohttp.ClientSession(raise_for_status=True) as session, session.get(url):
            pass

    with pytest.raises(aiohttp.ClientResponseError) as caught:
        asyncio.run(fetch())
    return caught.value


def by_named(name: str, url: str) -> BaseException:
    """By requests, or by a client that is used in the same way."""
    client = pytest.importorskip(name)
    failed = getattr(client, "HTTPStatusError", None) or client.HTTPError
    with pytest.raises(failed) as caught:
        client.get(url).raise_for_status()
    error: BaseException = caught.value
    return error


def by_botocore(url: str) -> BaseException:
    """It takes no URL: a key of some bucket is a path, too."""
    session, errors = pytest.importorskip("botocore.session"), pytest.importorskip("botocore.exceptions")
    config = pytest.importorskip("botocore.config").Config(
        retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
    )
    server, key = url.rsplit("/", 1)
    keys = {"aws_access_key_id": "nobody", "aws_secret_access_key": "nothing", "region_name": "nowhere"}
    client = session.get_session().create_client("s3", endpoint_url=server, config=config, **keys)
    with pytest.raises(errors.ClientError) as caught:
        client.get_object(Bucket="bucket", Key=key)
    client.close()
    error: BaseException = caught.value
    return error


CLIENTS: dict[str, Callable[[str], BaseException]] = {
    "urllib": by_urllib,
    "aiohttp": by_aiohttp,
    "botocore": by_botocore,
    **{name: (lambda url, name=name: by_named(name, url)) for name in ("requests", "httpx", "httpx2")},
}


@pytest.mark.parametrize("path, seconds", [("/seconds", 7), ("/date", 30)])
@pytest.mark.parametrize("client", CLIENTS)
def test_status_and_pause_are_read_from_what_a_client_raises(
    client: str, path: str, seconds: float, address: str
) -> None:
    error = CLIENTS[client](address + path)
    assert status_of(error) == 429
    assert retry_after(error) == seconds
