"""The other side of the zoo: its servers, on virtual time, and its slow storage, without a kernel."""

from __future__ import annotations

import asyncio
import struct

import pytest

from iobound.testing import run_virtual
from slow_storage import GETATTR, INIT, LOOKUP, OPEN, READ, RELEASE, STATFS, Folder
from zoo import QUICK, ZOO, Errand
from zoo_servers import NEVER, OK, TOO_MANY, Connection, Desk, Manner


def served(manners, requests, change_at=NEVER):
    """When, in milliseconds, and how requests are answered that all arrive at once."""

    async def main():
        desk, answers = Desk(manners, change_at), []
        loop = asyncio.get_running_loop()
        for number in range(requests):
            desk.arrive(number, lambda status: answers.append((round(1000 * loop.time()), status)))
        await asyncio.sleep(3600)
        return answers

    return run_virtual(main())


def test_a_server_with_slots_works_in_batches():
    assert served([Manner(0.05, slots=2)], 5) == [(50, OK), (50, OK), (100, OK), (100, OK), (150, OK)]


def test_a_server_without_slots_takes_all_at_once():
    assert served([Manner(0.05)], 300) == [(50, OK)] * 300


def test_a_server_refuses_what_is_too_much_at_once():
    assert served([Manner(0.05, allowed=2)], 4) == [(0, TOO_MANY), (0, TOO_MANY), (50, OK), (50, OK)]


def test_beyond_its_knee_a_server_does_less_in_all_the_more_it_is_given():
    def throughput(requests):
        answers = served([Manner(0.02, knee=8)], requests)
        return requests / answers[-1][0]

    assert throughput(4) < throughput(8) > throughput(16) > throughput(32)


def test_a_server_changes_from_a_request_on():
    answers = served([Manner(0.005), Manner(0.05)], 4, change_at=2)
    assert answers == [(5, OK), (5, OK), (50, OK), (50, OK)]


def test_requests_are_understood_however_they_are_cut():
    class Transport(asyncio.Transport):
        written = b""

        def is_closing(self):
            return False

        def write(self, data):
            self.written += data

    class Echo:
        def arrive(self, number, answer):
            numbers.append(number)
            answer(OK)

    numbers = []
    connection, transport = Connection(Echo()), Transport()
    connection.connection_made(transport)
    for byte in b"GET /7 HTTP/1.1\r\nHost: x\r\n\r\nGET /12 HTTP/1.1\r\n\r\nGET /3":
        connection.data_received(bytes([byte]))
    assert numbers == [7, 12]
    assert transport.written.count(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage") == 2


@pytest.fixture
def folder(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(f"this is {name}")
    return Folder(str(tmp_path))


def test_storage_finds_its_files(folder):
    error, body = folder.answer(LOOKUP, 1, b"b\0")
    assert (error, struct.unpack_from("<Q", body)[0], len(body)) == (0, 3, 128)
    assert folder.answer(LOOKUP, 1, b"c\0") == (2, b"")


def test_storage_reads_its_files(folder):
    assert folder.answer(READ, 3, struct.pack("<2Q6I", 0, 5, 4096, 0, 0, 0, 0, 0)) == (0, b"is b")


def test_storage_tells_the_size_of_its_files(folder):
    error, body = folder.answer(GETATTR, 2, b"")
    assert (error, len(body), struct.unpack_from("<Q", body, 16 + 8)[0]) == (0, 104, len("this is a"))


@pytest.mark.parametrize("opcode, size", [(INIT, 64), (OPEN, 16), (RELEASE, 0)])
def test_an_answer_of_storage_has_the_size_the_kernel_expects(folder, opcode, size):
    error, body = folder.answer(opcode, 2, b"")
    assert (error, len(body)) == (0, size)


def test_storage_does_not_know_what_it_does_not_need(folder):
    assert folder.answer(STATFS, 1, b"") == (38, b"")


def test_the_quick_ones_are_some_of_all():
    assert len(ZOO) >= 14
    assert set(QUICK) < set(ZOO)


@pytest.mark.parametrize("items, half, change_at", [(10, 0, 5), (0, 1, NEVER), (0, 2, 0)])
def test_work_changes_in_the_middle_or_has_changed_or_never_does(items, half, change_at):
    assert Errand("loses-slots", "auto", 0, items, 1.0, 1, half=half).change_at == change_at
