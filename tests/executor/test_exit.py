"""The end of the interpreter, in child processes."""

from __future__ import annotations

import pytest

FINISHED = """
import os, sys, threading, time, iobound
how = sys.argv[1]
gate = threading.Event()

def work(number):
    gate.wait(10)
    os.write(1, b"%d\\n" % number)  # in one piece

pool = iobound.Executor(2, 100)
for number in range(20):
    pool.submit(work, number)
if how == "shut down":
    pool.shutdown(wait=False)
elif how == "dropped":
    del pool
gate.set()
if how == "error":
    raise LookupError
if how == "exit":
    sys.exit(3)
if how == "handled":
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
"""


@pytest.mark.parametrize(
    "how, code",
    [("end", 0), ("error", 1), ("exit", 3), ("shut down", 0), ("dropped", 0), ("handled", 0)],
)
def test_what_was_submitted_is_finished(child, how, code):
    """At the end of the program, whatever ends it, but for a KeyboardInterrupt that nobody handles."""
    ended = child(FINISHED, how)
    assert sorted(map(int, ended.stdout.split())) == [*range(20)]
    assert ended.returncode == code
    assert ("LookupError" in ended.stderr) if how == "error" else (ended.stderr == "")


INTERRUPTED = """
import os, signal, sys, threading, time, iobound
how = sys.argv[1]
hang = threading.Event()
inside = threading.Semaphore(0)

def work(number):
    inside.release()
    hang.wait(60)
    print("made", number, flush=True)

def interrupt():
    inside.acquire()
    inside.acquire()
    if how == "submit":
        while not pool._pool.blocked:
            time.sleep(0.001)
    while not heard.wait(0.1):  # a signal that comes just before a wait is heard only after it
        os.kill(os.getpid(), signal.SIGINT)

def main():
    if how == "with":
        with pool:
            pool.submit(work, 1), pool.submit(work, 2), pool.submit(work, 3).result()
    elif how == "submit":
        for number in range(100):
            pool.submit(work, number)
    elif how == "map":
        list(pool.map(work, range(100)))
    elif how == "waiter":
        pool.submit(work, 1), pool.submit(work, 2)
        waiting = pool.submit(work, 3)
        threading.Thread(target=waiting.exception, name="no daemon").start()
        time.sleep(30)
    else:
        pool.submit(work, 1), pool.submit(work, 2), pool.submit(work, 3).result()

heard = threading.Event()
pool = iobound.Executor(2, 5)
threading.Thread(target=interrupt, daemon=True).start()
try:
    main()
except KeyboardInterrupt:
    heard.set()
    raise
"""


@pytest.mark.parametrize("how", ["result", "with", "submit", "map", "waiter"])
def test_an_interrupted_program_leaves_its_work(child, how):
    """Ctrl-C while calls hang for a minute and others wait: nothing more is made, and nothing waited for."""
    ended = child(INTERRUPTED, how)
    assert "made" not in ended.stdout
    assert "KeyboardInterrupt" in ended.stderr
    assert ended.returncode in {-2, 130}


PROMPT = """
import sys, iobound
sys.ps1 = ">>> "
sys.last_value = sys.last_exc = KeyboardInterrupt()
gate = __import__("threading").Event()
pool = iobound.Executor(1)
pool.submit(gate.wait, 10).add_done_callback(lambda _: print("made"))
gate.set()
"""


def test_a_command_interrupted_at_a_prompt_is_not_the_end_of_the_program(child):
    assert child(PROMPT).stdout == "made\n"


LATE = """
import atexit, iobound
used, unused = iobound.Executor(1), iobound.Executor(1)
used.submit(abs, -1).result()

@atexit.register
def late():
    for pool in (used, unused):
        try:
            pool.submit(abs, -1)
        except RuntimeError as error:
            print(error)
"""


def test_nothing_can_be_submitted_after_the_end(child):
    ended = child(LATE)
    assert ended.stdout.count("cannot schedule new futures after") == 2
    assert ended.stderr == ""


THREADS = """
import threading, iobound
gate = threading.Event()

def work():
    gate.wait(10)
    thread = threading.Thread(target=print, args=("from a thread",))
    thread.start()
    thread.join()

pool = iobound.Executor(1)
future = pool.submit(work)
future.add_done_callback(lambda future: print(future.exception()))
threading.main_thread()
gate.set()
"""


def test_a_call_that_is_finished_at_the_exit_may_do_what_it_always_may(child):
    """It may start threads: `atexit` would be too late for that from Python 3.12.2 on."""
    import sys

    if (3, 12) <= sys.version_info < (3, 12, 2):
        pytest.skip("these versions start no thread at the exit of the interpreter, whoever asks")
    assert child(THREADS).stdout == "from a thread\nNone\n"
