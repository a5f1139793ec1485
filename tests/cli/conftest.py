"""The real command, in a folder of its own with a module `jobs`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

import iobound

if TYPE_CHECKING:
    from collections.abc import Iterator

JOBS = r"""
import asyncio
import os
import time
from contextlib import contextmanager


def upper(item):
    return item.upper()


async def twice(item):
    await asyncio.sleep(0)
    return item * 2


def size(row):
    return row


def thirds(item):
    if int(item) % 3 == 1:
        raise LookupError(f"no answer for {item!r}")
    return int(item)


def broken(item):
    raise ValueError(f"cannot do {item!r}")


def first_only(item):
    if item != "0":
        raise ValueError(f"cannot do {item!r}")


def stat(item):
    return os.stat("nowhere/" + item).st_size


def hang_first(item):
    time.sleep(60 if item == "1" else 0.01)
    os.write(2, b"rested\n")
    return item


def wrong_key(item):
    if item == "b":
        raise ValueError("the key is wrong")
    time.sleep(0.3 if item == "c" else 0)
    return item


class Odd:
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


class OddError(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def odd(item):
    circle = []
    circle.append(circle)
    if item == "raises":
        raise OddError
    return {"keys": {(1, 2): 3}, "repr": Odd(), "circle": circle, "long": 10**5000, "half": "\ud800"}.get(item, item)


def numbers(item):
    return [float("nan"), {"a": float("inf")}, 1.5, "NaN"]


def raw(item):
    return item.encode()


def nap(item):
    os.write(2, b"napping\n")
    time.sleep(float(item))
    return item


def rest(item):
    time.sleep(float(item))
    return item


async def doze(item):
    os.write(2, b"napping\n")
    await asyncio.sleep(float(item))
    return item


async def block(item):
    await asyncio.sleep(0.4)
    time.sleep(1.5)  # blocks
    return item


def leave(item):
    raise SystemExit(7)


def nothing():
    pass


def many(item):
    yield item


async def stream(item):
    yield item


def with_resource(item, resource):
    return [item, resource]


@contextmanager
def resource():
    yield "connection"


async def async_with_resource(item, resource):
    return [item, resource]


def down():
    raise OSError("db down")


def late():
    raise TimeoutError("db too slow")


def no_manager():
    return 7


@contextmanager
def unleavable():
    yield "connection"
    raise OSError("db went away")


NUMBER = 7
"""
CEILING = 20.0
"""Seconds after which a command that still runs has failed its test."""


class Command:
    """Runs `python -m iobound`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[bytes]] = []
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")},
            "PYTHONPATH": str(Path(iobound.__file__).parent.parent),
            "PYTHONWARNINGS": "error",
        }

    def start(self, *arguments: str, stdin: int | IO[bytes] = subprocess.PIPE, **more: Any) -> subprocess.Popen[bytes]:
        """Begin a command."""
        more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        line = [sys.executable, "-X", "dev", "-m", "iobound", *arguments]
        self.started.append(subprocess.Popen(line, cwd=self.folder, env=self.environment, stdin=stdin, **more))
        return self.started[-1]

    def close(self) -> None:
        """Whatever still runs is ended."""
        for process in self.started:
            process.kill()
            with process:
                pass

    def __call__(self, *arguments: str, given: bytes = b"", **more: Any) -> tuple[int, str, str]:
        """Run one to its end: exit code, stdout, stderr."""
        process = self.start(*arguments, **more)
        out, err = process.communicate(given, timeout=CEILING)
        return process.returncode, (out or b"").decode(errors="surrogateescape"), (err or b"").decode()

    def shell(self, line: str) -> tuple[int, str, str]:
        """What a shell makes of a line, in which `iobound` is the command."""
        line = line.replace("iobound ", f"'{sys.executable}' -X dev -m iobound ", 1)
        ran = subprocess.run(  # noqa: S602 - redirections are a shell's
            line, shell=True, cwd=self.folder, env=self.environment, capture_output=True, timeout=CEILING, check=False
        )
        return ran.returncode, ran.stdout.decode(), ran.stderr.decode()

    def refused(self, *arguments: str, **more: Any) -> str:
        """What it says when it refuses: one error with a hint, exit 2, nothing on stdout."""
        code, out, err = self(*arguments, **more)
        assert (code, out) == (2, ""), err
        assert err.startswith("error: "), err
        assert "Traceback" not in err
        assert err.count("error:") == 1
        return err

    def refused_late(self, *arguments: str) -> str:
        """The same of what is refused only after something was said: exit 2, nothing on stdout, one error."""
        code, out, err = self(*arguments)
        assert (code, out) == (2, ""), err
        assert "Traceback" not in err
        assert err.count("error:") == 1
        return err

    def file(self, name: str, content: str | bytes) -> str:
        """A file in the folder; its name."""
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return name


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    """The command line, where a module `jobs` is."""
    (tmp_path / "jobs.py").write_text(JOBS, encoding="utf-8")
    command = Command(tmp_path)
    yield command
    command.close()


@pytest.fixture(autouse=True)
def default_signals() -> None:
    """Children inherit ignored signals; a shell's background job would be deaf to Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
