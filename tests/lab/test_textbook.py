"""The programs that the demo compares: on a few files each gives the right answer, whatever it does on many."""

from __future__ import annotations

import threading
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from iobound.lab import textbook, ways
from iobound.lab.textbook import Job
from iobound.lab.ways import WAYS, answer, digest, walk

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def hook_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    files = [tmp_path / f"{number}.txt" for number in range(12)]
    for number, file in enumerate(files):
        file.write_bytes(bytes([number]) * number * 1000)
    return files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    if "aiofiles" in WAYS[request.param].needs:
        pytest.importorskip("aiofiles")
    return str(request.param)


def test_every_way_gives_the_hashes_in_order_and_writes_the_files(way: str, sources: list[Path], folder: Path) -> None:
    contents = [source.read_bytes() for source in sources]
    jobs = [Job(str(source), str(folder / source.name)) for source in sources]
    assert WAYS[way].program(jobs) == [sha256(content).hexdigest() for content in contents]
    assert [(folder / source.name).read_bytes() for source in sources] == contents


def test_every_way_accounts_for_all_files(way: str, sources: list[Path], folder: Path) -> None:
    told = walk(way, [str(source) for source in sources], str(folder))
    assert told == {"done": 12, "failed": 0, "error": None, "answer": answer(sources)}
    assert answer(folder / str(number) for number in range(12)) == answer(sources)


@pytest.mark.parametrize("way", [name for name in WAYS if name.startswith("textbook")])
def test_a_textbook_program_shows_what_failed(way: str, sources: list[Path], folder: Path) -> None:
    if WAYS[way].needs:
        pytest.importorskip("aiofiles")
    sources[3].unlink()
    told = walk(way, [str(source) for source in sources], str(folder))
    assert (told["done"], told["failed"]) == (11, 1)
    assert told["error"].startswith("FileNotFoundError: ")
    assert "3.txt" in told["error"]


@pytest.mark.parametrize("way", [name for name in WAYS if not name.startswith("textbook")])
def test_the_others_raise(way: str, sources: list[Path], folder: Path) -> None:
    sources[3].unlink()
    with pytest.raises(FileNotFoundError):
        walk(way, [str(source) for source in sources], str(folder))


def test_only_textbook_programs_may_fail() -> None:
    assert {name for name, way in WAYS.items() if way.may_fail} == {name for name in WAYS if "textbook" in name}


def test_a_semaphore_lets_ten_through(monkeypatch: pytest.MonkeyPatch) -> None:
    running: list[int] = []
    peak = 0

    async def work(job: Job) -> str:
        nonlocal peak
        running.append(1)
        peak = max(peak, len(running))
        for _ in range(3):
            await textbook.asyncio.sleep(0)
        running.pop()
        return job.source

    monkeypatch.setattr(textbook, "copy_aiofiles", work)
    jobs = [Job(str(number), "") for number in range(50)]
    assert textbook.gather_ten(jobs) == [job.source for job in jobs]
    assert peak == 10
    peak = 0
    assert textbook.gather_all(jobs) == [job.source for job in jobs]
    assert peak == 50


def test_the_answer_depends_on_every_file_and_on_their_order(sources: list[Path]) -> None:
    right = answer(sources)
    assert answer(sources[:-1]) != right
    assert answer(sources[::-1]) != right
    sources[5].write_bytes(b"other")
    assert answer(sources) != right


def test_results_that_come_as_completed_are_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    def backwards(fn: Any, items: Any, **_: Any) -> Any:
        return [fn(item) for item in reversed(list(items))]

    monkeypatch.setattr(ways.iobound, "map", backwards)
    monkeypatch.setattr(ways, "copy", lambda job: job.source)
    assert ways.as_completed([Job("a", ""), Job("b", "")]) == ["a", "b"]


def test_a_digest_tells_nothing_from_a_page() -> None:
    assert digest([None, "a"]) != digest(["a", None])
