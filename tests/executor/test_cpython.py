"""CPython's own tests of its thread pool, run on ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import iobound

MISSING = 77


@pytest.mark.timeout(600)
def test_the_tests_of_the_standard_pool_pass(capsys):
    """In a process of their own: they count threads, start programs and fork."""
    script = Path(__file__).with_name("cpython.py")
    path = os.pathsep.join(filter(None, [str(Path(iobound.__file__).parents[1]), os.environ.get("PYTHONPATH")]))
    ran = subprocess.run(
        [sys.executable, script],
        check=False,
        capture_output=True,
        text=True,
        timeout=590,
        env={**os.environ, "PYTHONPATH": path},
    )
    if ran.returncode == MISSING:
        pytest.skip(ran.stdout.strip() + ": install it with the test suite of Python (Debian: libpython3-testsuite)")
    assert ran.returncode == 0, ran.stderr
    count = int(ran.stdout.split("ran ")[-1])
    assert count > 0
    with capsys.disabled():
        print(f"\n{count} tests of CPython ran on iobound.Executor")  # noqa: T201 - to be seen in every log
