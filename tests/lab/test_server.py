"""The flaky server: what it does is drawn from its seed, it does that, and it ends with whoever started it."""

from __future__ import annotations

import socket
import subprocess
import sys
from http.client import HTTPConnection, RemoteDisconnected
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from iobound.lab import fetch, server, web
from iobound.lab.server import Temper, body, serving
from iobound.lab.ways import digest

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICK = Temper(seed=3, fastest=0.0, slowest=0.002, faults=0.1)
REQUESTS = 300


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(QUICK) as address:
        yield address


def test_the_share_of_faults_and_the_delays_are_as_asked() -> None:
    temper = Temper(seed=1, fastest=0.02, slowest=0.2, faults=0.02)
    fates = [temper.fate(number) for number in range(20_000)]
    spoiled = [fate.status for fate in fates if fate.status != 200]
    assert len(spoiled) / len(fates) == pytest.approx(0.02, abs=0.003)
    assert spoiled.count(500) / len(spoiled) == pytest.approx(0.5, abs=0.1)
    assert spoiled.count(0) == len(spoiled) - spoiled.count(500)
    delays = sorted(fate.delay for fate in fates)
    assert 0.02 <= delays[0] < 0.021
    assert 0.199 < delays[-1] <= 0.2
    assert delays[10_000] == pytest.approx(0.11, abs=0.003)


def test_a_fate_is_always_the_same_and_the_seed_changes_it() -> None:
    one = [Temper(seed=1).fate(number) for number in range(500)]
    assert [Temper(seed=1).fate(number) for number in range(500)] == one
    assert [Temper(seed=2).fate(number) for number in range(500)] != one


def test_every_request_gets_what_was_drawn_for_it(address: str) -> None:
    connection = HTTPConnection(urlsplit(address).netloc)
    for number in range(REQUESTS):
        fate = QUICK.fate(number)
        connection.request("GET", f"/{number}")
        if not fate.status:
            with pytest.raises(RemoteDisconnected):
                connection.getresponse()
            continue
        response = connection.getresponse()
        content = response.read()
        assert response.status == fate.status
        assert (content == body(number)) == (fate.status == 200)
    connection.close()


def test_other_paths_are_not_found(address: str) -> None:
    connection = HTTPConnection(urlsplit(address).netloc)
    connection.request("GET", "/robots.txt")
    assert connection.getresponse().status == 404
    connection.close()


@pytest.mark.parametrize("client", ["by_aiohttp", "by_http_client"])
def test_both_clients_get_every_page_and_every_fault(
    client: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if client == "by_aiohttp":
        pytest.importorskip("aiohttp")
    monkeypatch.setattr(web, "REQUESTS", REQUESTS)
    monkeypatch.setattr(web, "TEMPER", QUICK)
    told = getattr(fetch, client)(address, REQUESTS, 20)
    spoiled = [number for number in range(REQUESTS) if QUICK.fate(number).status != 200]
    assert told["answer"] == digest(web.expected())
    assert (told["done"], told["failed"]) == (REQUESTS - len(spoiled), len(spoiled))
    assert sum(count for count, _ in told["failures"].values()) == len(spoiled)
    assert len(told["failures"]) == 2
    assert 1 < told["in_flight"] <= 20
    assert told["serial"] > told["elapsed"]


def test_it_listens_on_the_loopback_interface_until_the_end_of_the_block() -> None:
    with serving(QUICK) as address:
        where = urlsplit(address)
        assert where.hostname == "127.0.0.1"
        assert where.port
        socket.create_connection((where.hostname, where.port)).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((where.hostname, where.port))


def test_it_ends_when_its_standard_input_does() -> None:
    command = [sys.executable, "-m", "iobound.lab.server", "{}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert int(process.stdout.readline())
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(timeout=10) == 0


def test_a_server_that_does_not_start_is_an_error(monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    monkeypatch.setattr(server, "asdict", lambda _: {"no": "such setting"})
    with pytest.raises(RuntimeError, match=r"did not start \(exit status 1\)"), serving(QUICK):
        pass
    assert "unexpected keyword argument" in capfd.readouterr().err
