"""The site of the documentation: built strictly, and made of what is there."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def test_the_figures_are_those_of_the_results():
    """Renew them by `make docs`."""
    made = runpy.run_path(str(ROOT / "benchmarks" / "page.py"))["page"]()
    assert (DOCS / "benchmarks.md").read_text(encoding="utf-8") == made


def test_every_decision_is_listed():
    records = sorted(path.name for path in (DOCS / "decisions").glob("[0-9]*.md") if not path.name.startswith("0000"))
    listed = re.findall(r"\]\((.+?\.md)\)", (DOCS / "decisions" / "index.md").read_text(encoding="utf-8"))
    assert listed == records


def test_every_page_has_a_place():
    """In the navigation, or in the list of decisions."""
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:", 1)[1]
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert {page for page in pages if page not in nav and not re.match(r"decisions/\d", page)} == set()


def test_it_builds_strictly(tmp_path):
    """No link or anchor leads nowhere."""
    pytest.importorskip("mkdocs")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (built.returncode, built.stdout + built.stderr) == (0, "")
    assert (tmp_path / "command-line" / "index.html").exists()
