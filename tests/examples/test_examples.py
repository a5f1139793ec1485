"""Every example runs as its first lines say, warns about nothing, and prints what it is there to show."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-X", "dev", str(EXAMPLES / name), *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran


def test_files_counts_functions_and_reports_what_it_cannot_parse(tmp_path: Path) -> None:
    (tmp_path / "two.py").write_text("def a(): ...\nasync def b(): ...\n")
    (tmp_path / "none.py").write_text("x = 1\n")
    (tmp_path / "broken.py").write_text("def :\n")
    ran = run("files.py", str(tmp_path))
    assert ran.stdout.splitlines()[:2] == ["     2  two.py", "     0  none.py"]
    assert re.search(r"^2 files in .*, 1 failed$", ran.stdout, re.MULTILINE)
    assert "broken.py: SyntaxError" in ran.stderr


def test_http_loopback_keeps_to_its_limit_and_names_the_failure() -> None:
    ran = run("http_loopback.py")
    assert ran.stdout.startswith("299 answers, ")
    assert "failed: /17: HTTP 500" in ran.stdout
    found = re.search(r"at most (\d+) at once; the server held at most (\d+)", ran.stdout)
    assert found is not None
    asked, held = map(int, found.groups())
    assert 1 < held <= asked
    assert ran.stderr == ""


def test_pipeline_adds_up_and_names_the_stage_that_failed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("never never again\n")
    (tmp_path / "b.txt").write_text("again and never\n")
    (tmp_path / "c.bin").write_bytes(b"\xff\xfe\xff")
    ran = run("pipeline.py", str(tmp_path))
    assert ran.stdout.splitlines() == ["     3  never", "     2  again", "read 2 files, counted 2, failed 1"]
    assert "c.bin: read() raised UnicodeDecodeError" in ran.stderr


def test_every_example_is_tested() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    untested = {file.name for file in EXAMPLES.glob("*.py") if f'run("{file.name}"' not in here}
    assert untested == set()


@pytest.mark.parametrize("name", [pytest.param(file.name, id=file.name) for file in sorted(EXAMPLES.glob("*.py"))])
def test_an_example_says_how_to_run_it(name: str) -> None:
    docstring = (EXAMPLES / name).read_text(encoding="utf-8").split('"""')[1]
    assert f"python examples/{name}" in docstring
