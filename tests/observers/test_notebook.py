"""In a real kernel: one piece of HTML, replaced while the run goes on; no widgets."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import iobound

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")

CELLS = {
    "plain": """
        import time, iobound
        list(iobound.map(lambda item: time.sleep(0.1), range(8), concurrency=2, progress=True))
        print("done")
    """,
    "async": """
        import asyncio, iobound
        async def nap(item):
            await asyncio.sleep(0.1)
        await iobound.map(nap, range(8), concurrency=2, progress=True)
        print("done")
    """,
    "sync in the kernel's loop": """
        import asyncio, iobound
        async def nap(item):
            await asyncio.sleep(0.1)
        list(iobound.map(nap, range(8), concurrency=2, progress=True))
        print("done")
    """,
}


@pytest.mark.parametrize("name", CELLS)
def test_a_bar_below_the_cell(name, monkeypatch, tmp_path):
    """It ends full, and nothing else is shown: no warning, no widget, no text."""
    monkeypatch.setenv("PYTHONPATH", str(Path(iobound.__file__).parent.parent))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    source = "\n".join(line.removeprefix("        ") for line in CELLS[name].strip("\n").splitlines())
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbclient.NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": os.fspath(tmp_path)}}
    ).execute()
    outputs = notebook.cells[0].outputs
    shown = [output for output in outputs if output.output_type == "display_data"]
    assert [output.text for output in outputs if output.output_type == "stream"] == ["done\n"]
    assert len(shown) == 1
    html = shown[0].data["text/html"]
    assert re.search(r'<progress value="1.0000"></progress> 8/8 ', html), html
