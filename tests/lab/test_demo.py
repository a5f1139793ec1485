"""The demo, end to end on a small folder: what it shows, what it refuses, and that it leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from iobound.cli import app
from iobound.lab import demo, files, peaks, web
from iobound.lab.child import CrashedError, Measured, NotInstalledError
from iobound.lab.files import Row
from iobound.lab.server import Temper
from iobound.lab.ways import WAYS

FILES = 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number:02}.txt").write_text(f"number {number}\n" * number)
    installed = folder / "site-packages" / "other.py"
    installed.parent.mkdir()
    installed.write_text("not ours")
    return folder


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where scratch folders are made."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    return scratch


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ROUNDS", 1)
    monkeypatch.setattr(web, "REQUESTS", 100)
    monkeypatch.setattr(web, "CONCURRENCY", 10)
    monkeypatch.setattr(web, "TEMPER", Temper(seed=5, fastest=0.0, slowest=0.005, faults=0.1))


def shown(folder: Path | None) -> tuple[int, str]:
    lines: list[str] = []
    return demo.show(folder, lines.append), "\n".join(lines)


def row(told: str, way: str) -> list[str]:
    """The cells of the line that begins with a way."""
    (line,) = [line for line in told.splitlines() if re.match(rf"{re.escape(way)}  ", line)]
    return re.split(r" {2,}", line)[1:]


def hide(monkeypatch: pytest.MonkeyPatch, folder: Path, *names: str) -> None:
    """Make packages look as if they were not installed, in children too."""
    folder.mkdir()
    for name in names:
        (folder / f"{name}.py").write_text(f"raise ModuleNotFoundError(name={name!r})")
    monkeypatch.syspath_prepend(str(folder))


def tampered(monkeypatch: pytest.MonkeyPatch, way: str, tamper: Any) -> None:
    """Have `tamper` change what is measured of one way, or its copies; it is compared with two others."""
    monkeypatch.setattr(files, "WAYS", {name: WAYS[name] for name in ("a plain loop", "iobound", way)})
    measure = files.measure

    def wrong(program: str, *arguments: Any, **keywords: Any) -> Measured:
        measured = measure(program, *arguments, **keywords)
        return tamper(measured, Path(arguments[2])) if arguments[0] == way else measured

    monkeypatch.setattr(files, "measure", wrong)


# --- what it shows ---


def test_every_way_is_shown_and_right(folder: Path, scratch: Path) -> None:
    pytest.importorskip("aiofiles")
    pytest.importorskip("aiohttp")
    code, told = shown(folder)
    assert code == 0, told
    assert f"{FILES} below {folder}" in told
    for way in WAYS:
        cells = row(told, way)
        assert cells[2:4] == [str(FILES), "0"]
        assert cells[-1] == "same"
    assert "by aiohttp, on asyncio" in told
    spoiled = sum(web.TEMPER.fate(number).status != 200 for number in range(100))
    assert re.search(rf"^done +{100 - spoiled} in ", told, re.MULTILINE)
    assert re.search(rf"^failed +{spoiled}, ", told, re.MULTILINE)
    assert "x ClientResponseError, such as http://127.0.0.1:" in told
    assert "x ServerDisconnectedError, such as http://127.0.0.1:" in told
    assert "an estimate" in told
    assert list(scratch.iterdir()) == []


def test_what_is_not_installed_says_so(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, tmp_path / "hidden", "aiofiles", "aiohttp")
    code, told = shown(folder)
    assert code == 0, told
    assert row(told, "textbook: gather + aiofiles") == [*"-------", "not installed"]
    assert "aiofiles is not installed: pip install aiofiles" in told
    assert "by http.client (aiohttp: not installed), on threads" in told
    assert "x RemoteDisconnected, such as " in told


@pytest.mark.skipif(not peaks.PROC, reason="needs a limit of descriptors")
def test_a_textbook_program_that_runs_out_of_descriptors_is_shown_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("aiofiles")
    monkeypatch.setattr(web, "compare", lambda _: True)
    for number in range(200):
        (folder / f"more {number}").touch()
    measure = files.measure
    monkeypatch.setattr(files, "measure", lambda *args, **keywords: measure(*args, **keywords, descriptors=100))
    code, told = shown(folder)
    assert code == 0, told
    assert row(told, "iobound")[-1] == "same"
    cells = row(told, "textbook: gather + aiofiles")
    assert int(cells[3]) > 0
    assert cells[-1] == "incomplete"
    assert int(cells[-2]) <= 100  # sampled: the very peak may be missed
    assert re.search(r"gather \+ aiofiles: \d+ of 220 files failed, first: OSError: \[Errno 24\]", told)
    assert "that may open 100 descriptors" in told


# --- what is wrong ---


def lose(measured: Measured, scratch: Path) -> Measured:
    return replace(measured, value={**measured.value, "answer": "other"})


def unlink(measured: Measured, scratch: Path) -> Measured:
    (scratch / "3").unlink()
    return measured


def spoil(measured: Measured, scratch: Path) -> Measured:
    (scratch / str(FILES - 1)).write_text("other")
    return measured


@pytest.mark.parametrize("tamper", [lose, unlink, spoil])
@pytest.mark.parametrize("way", ['iobound, model="serial"', "textbook: a thread per file"])
def test_a_wrong_answer_is_named_and_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch, way: str, tamper: Any
) -> None:
    tampered(monkeypatch, way, tamper)
    told: list[str] = []
    assert not files.compare(files.choose(folder), told.append)
    assert row("\n".join(told), way)[-1] == "WRONG"
    assert any(f"WRONG ANSWER from {way}" in line for line in told)
    assert sum(line.endswith("same") for line in told) == 2


def test_wrong_files_or_wrong_pages_make_the_exit_code_1(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "compare", lambda *_: True)
    monkeypatch.setattr(web, "compare", lambda *_: False)
    assert shown(folder)[0] == 1
    monkeypatch.setattr(files, "compare", lambda *_: False)
    monkeypatch.setattr(web, "compare", lambda *_: True)
    assert shown(folder)[0] == 1


def test_a_page_that_should_have_failed_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "expected", lambda: ["page 0"])
    told: list[str] = []
    assert not web.compare(told.append)
    assert told[-1].startswith("WRONG ANSWER")


def measured(failed: int = 0, wall: float = 1.0) -> Measured:
    return Measured({"done": 1, "failed": failed, "error": "OSError"}, wall, 1.0, None, None, None, None)


@pytest.mark.parametrize(
    "way, rounds, trouble, bad",
    [
        pytest.param("iobound", [measured()], None, False, id="right"),
        pytest.param("iobound", [measured(1)], None, True, id="iobound loses one"),
        pytest.param("iobound", [], CrashedError("died"), True, id="iobound crashes"),
        pytest.param("iobound", [], NotInstalledError("x"), False, id="not installed"),
        pytest.param("textbook: a thread per file", [measured(1)], None, False, id="a textbook program loses one"),
        pytest.param("textbook: a thread per file", [], CrashedError("died"), False, id="one crashes"),
    ],
)
def test_textbook_programs_may_fail_and_iobound_may_not(way: str, rounds: Any, trouble: Any, bad: bool) -> None:
    assert Row(way, rounds, trouble).bad is bad
    assert len(files.cells(Row(way, rounds, trouble))) == len(files.HEAD)


def test_a_crash_is_shown_with_its_reason(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any) -> Any:
        raise CrashedError("RuntimeError: can't start new thread")

    tampered(monkeypatch, "textbook: a thread per file", crash)
    told: list[str] = []
    assert files.compare(files.choose(folder), told.append)
    assert row("\n".join(told), "textbook: a thread per file") == [*"-------", "crashed"]
    assert "textbook: a thread per file: RuntimeError: can't start new thread" in told


def test_the_median_round_is_shown() -> None:
    assert Row("iobound", [measured(wall=seconds) for seconds in (3.0, 1.0, 2.0)]).median.wall == 2.0
    assert Row("iobound", [measured(wall=seconds) for seconds in (3.0, 1.0)]).median.wall == 1.0


# --- which files ---


def test_a_folder_without_files_is_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FileNotFoundError, match="no files to read below"):
        demo.show(tmp_path)
    assert app.run(["demo", str(tmp_path)]) == 2
    assert "error: no files to read below" in capfd.readouterr().err
    assert app.run(["demo", str(tmp_path / "nowhere")]) == 2
    assert "error: no folder" in capfd.readouterr().err


def test_a_large_folder_is_taken_in_part_and_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert files.choose(folder).all
    monkeypatch.setattr(files, "MOST_FILES", FILES)
    assert files.choose(folder).all
    monkeypatch.setattr(files, "MOST_FILES", 7)
    chosen = files.choose(folder)
    assert (len(chosen.files), chosen.all) == (7, False)
    assert chosen.size == sum(file.stat().st_size for file in chosen.files)
    monkeypatch.setattr(files, "MOST_BYTES", 100)
    chosen = files.choose(folder)
    assert not chosen.all
    assert chosen.size <= 100


def test_only_readable_files_are_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "broken").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe")
    monkeypatch.setattr(os, "access", lambda file, _mode: file.name != "03.txt")
    names = {file.name for file in files.choose(folder).files}
    assert names == {f"{number:02}.txt" for number in range(FILES)} - {"03.txt"}


def test_without_a_folder_it_is_the_standard_library() -> None:
    chosen = files.choose(None)
    assert chosen.all
    assert len(chosen.files) > 500
    assert {file.suffix for file in chosen.files} == {".py"}


# --- nothing is left ---


def marked(mark: str) -> dict[int, str]:
    """The processes that have this mark in their environment, and their command lines."""
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal() and mark.encode() in (folder / "environ").read_bytes():
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return found


def waited(condition: Any, seconds: float = 20) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.005)
    return bool(condition())


@pytest.mark.skipif(not peaks.PROC, reason="needs /proc")
@pytest.mark.parametrize(
    "running",
    [
        pytest.param({"iobound.lab.inside"}, id="files"),
        pytest.param({"iobound.lab.inside", "iobound.lab.server"}, id="requests"),
    ],
)
@pytest.mark.parametrize(
    "sent, code", [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)], ids=["interrupted", "killed"]
)
def test_nothing_outlives_the_demo(
    folder: Path, tmp_path: Path, running: set[str], sent: signal.Signals, code: int
) -> None:
    mark, scratch = uuid4().hex, tmp_path / "left"
    scratch.mkdir()
    program = "import sys; from iobound.lab import files; files.ROUNDS = 1; from iobound.cli import main; main()"
    command = [sys.executable, "-c", program, "demo", str(folder)]
    told = tmp_path / "told"
    environment = {**os.environ, "MARK": mark, "TMPDIR": str(scratch)}
    with told.open("w") as out, subprocess.Popen(command, env=environment, stdout=out, stderr=out) as process:
        assert waited(lambda: all(any(name in line for line in marked(mark).values()) for name in running))
        process.send_signal(sent)
        assert process.wait(timeout=20) == code, told.read_text()
    assert waited(lambda: not marked(mark)), marked(mark)
    if sent == signal.SIGINT:
        assert list(scratch.iterdir()) == []
        assert told.read_text().endswith("interrupted: nothing is left behind\n")
