"""Whole transcripts: what a person sees, word for word. Times, rates and folders are left out.

Renewed by `IOBOUND_TRANSCRIPTS=write`; what changed is then read in the diff.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "transcripts"
LINES = {
    "all-well": "iobound run jobs:upper apple pear",
    "failures": "seq 0 11 | iobound run jobs:thirds -i -",
    "json": "iobound run jobs:thirds 0 1 --json",
    "first-item": "iobound run jobs:broken a b c",
    "alike": "seq 0 99 | iobound run jobs:first_only -i - -c 1",
    "max-errors": "seq 0 99 | iobound run jobs:thirds -i - --max-errors 3 -c 1",
    "dry-run": "iobound run jobs:twice a b --dry-run -c 500 --task-timeout 30s",
    "unknown-module": "iobound run job:upper a",
    "unknown-function": "iobound run jobs:uper a",
    "concurrency": "iobound run jobs:upper a -c ten",
    "hash": "iobound hash jobs.py missing.py -a md5",
    "help": "iobound --help",
}
VARIABLE = (
    (r"\d[\d.,]*(e-\d+)? (us|ms|s)\b", "TIME"),
    (r"\d[\d.,]*/s\b", "RATE"),
    (r'"(elapsed_s|queue_s|run_s|p50|p90|p99|max)": [\d.e-]+', r'"\1": TIME'),
    (r"[^\s(]*/jobs\.py:\d+", "jobs.py:LINE"),
    (r"\b[0-9a-f]{32}\b", "DIGEST"),
)
"""What differs from run to run."""


def told(command, line):
    """The line, what went to stdout and to stderr, and the exit code."""
    code, out, err = command.shell(f"export COLUMNS=80; {line}")
    for pattern, name in VARIABLE:
        out, err = re.sub(pattern, name, out), re.sub(pattern, name, err)
    return f"$ {line}\n{out}--- stderr\n{err}--- exit {code}\n"


@pytest.mark.parametrize("name", LINES)
def test_the_transcript(command, name):
    """As it was read and found good."""
    path = FOLDER / f"{name}.txt"
    now = told(command, LINES[name])
    if os.environ.get("IOBOUND_TRANSCRIPTS") == "write":
        path.write_text(now, encoding="utf-8")
    assert now == path.read_text(encoding="utf-8")


def test_no_transcript_is_left_over():
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(LINES)
