"""What the tests of `iobound.lab.child` have measured. Found by name, in the child."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

PATIENCE = 10


def hold(threads: int, files: int, seen: str) -> None:
    """Have so many threads and open files until the file `seen` is there, or patience is over."""
    enough = threading.Event()
    for _ in range(threads):
        threading.Thread(target=enough.wait).start()
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(files)]
    until = time.monotonic() + PATIENCE
    while not Path(seen).exists() and time.monotonic() < until:
        time.sleep(0.001)
    enough.set()
    for file in held:
        os.close(file)


def hang(started: str) -> None:
    """Start a process that hangs, write down both ids, and hang too."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
    unfinished = Path(f"{started}.unfinished")
    unfinished.write_text(f"{os.getpid()} {other.pid}")
    unfinished.replace(started)
    time.sleep(100)


def open_until_refused() -> str:
    """Open files until the system refuses; the name of the error, and how many it were."""
    files: list[int] = []
    try:
        while True:
            files.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return f"{error.strerror} after {len(files)}"
    finally:
        for file in files:
            os.close(file)


def fill(megabytes: int) -> int:
    """Have this much memory at once."""
    return len(bytearray(b"x") * (megabytes << 20))


def compute(seconds: float) -> None:
    """Use this much CPU."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def chatter() -> str:
    """Print; the answer is another matter."""
    sys.stdout.write("to standard output\n")
    subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    return "the answer"


def raise_value_error() -> NoReturn:
    """Fail."""
    raise ValueError("these are no files")


def leave() -> NoReturn:
    """End the process, with a last word."""
    sys.stderr.write("out of luck\n")
    sys.exit(7)


def die() -> NoReturn:
    """Be killed."""
    os.kill(os.getpid(), 9)
    raise AssertionError("survived")
