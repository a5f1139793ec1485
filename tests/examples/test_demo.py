"""`make demo`: the first thing people run. Its answers are checked, and it would say so if they were wrong."""

from __future__ import annotations

import hashlib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"
WAYS = 6


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = spec_from_file_location("demo", DEMO)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROUNDS", 1)
    return module


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(20):
        (tmp_path / f"module_{number:02}.py").write_text(f"NUMBER = {number}\n" * number)
    installed = tmp_path / "site-packages" / "other.py"
    installed.parent.mkdir()
    installed.write_text("not ours")
    (tmp_path / "notes.txt").write_text("not Python")
    return tmp_path


def test_every_way_gives_the_answer_of_the_plain_loop(
    demo: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.main(str(folder)) == 0
    told = capsys.readouterr()
    assert told.out.count("20 files") == 2
    assert told.out.count("same\n") == 2 * WAYS
    assert told.err == ""


def test_the_answer_is_size_and_hash_of_each_file_in_order(demo: ModuleType, folder: Path) -> None:
    files = sorted(folder.glob("*.py"))
    contents = [file.read_bytes() for file in files]
    right = [(len(content), hashlib.sha256(content).hexdigest()) for content in contents]
    for way in demo.ways(demo.fingerprint).values():
        assert demo.measure(way, files)[1] == right


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(lambda answer: answer[:-1], id="one lost"),
        pytest.param(lambda answer: answer[::-1], id="out of order"),
        pytest.param(lambda answer: [*answer[:-1], (1, "0")], id="one wrong"),
    ],
)
def test_a_wrong_answer_is_named_and_fails(
    demo: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tamper: Any
) -> None:
    true_map = demo.iobound.map

    def wrong_on_serial(*args: Any, **keywords: Any) -> Any:
        answer = list(true_map(*args, **keywords))
        return tamper(answer) if keywords["model"] == "serial" else answer

    monkeypatch.setattr(demo.iobound, "map", wrong_on_serial)
    assert demo.main(str(folder)) == 1
    told = capsys.readouterr()
    assert 'WRONG ANSWER from: model="serial"' in told.err
    assert told.out.count("WRONG\n") == 2
    assert told.out.count("same\n") == 2 * (WAYS - 1)


def test_a_folder_without_python_files_is_an_error(
    demo: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.main(str(tmp_path)) == 1
    assert "no *.py files" in capsys.readouterr().err
