"""Hand-written worker loops: the practical limit for an engine with input order, error capture and isolated contexts.

They stream through a bounded buffer, and each call runs in its own copy of the context. Frozen: "hand" in the
benchmarks means these.

hand_async(fn, source, limit, window, ordered) -> async iterator; the source is pulled on the loop.
hand_threads(fn, source, limit, window, ordered) -> iterator; two critical sections per item, lazily signalled
conditions. Windows to compare with: ordered max(8 * limit, 256), as completed 2 * limit.
"""

import asyncio
import threading
import types
from collections import deque
from contextvars import copy_context


@types.coroutine
def stepped(coro, context):
    """Await `coro` inside `context` without a Task: every step runs in that context."""
    try:
        waiting_on = context.run(coro.send, None)
        while True:
            try:
                value = yield waiting_on
            except BaseException as error:  # a cancellation arrives here and belongs to the call
                waiting_on = context.run(coro.throw, error)
            else:
                waiting_on = context.run(coro.send, value)
    except StopIteration as stop:
        return stop.value


async def hand_async(fn, source, limit, window, ordered):
    loop = asyncio.get_running_loop()
    items, out, room = iter(source), deque(), []
    wanted, active, flying, context = None, limit, 0, copy_context()

    async def worker():
        nonlocal wanted, active, flying
        try:
            while True:
                while len(out) + (0 if ordered else flying) >= window:
                    free = loop.create_future()
                    room.append(free)
                    await free
                try:
                    item = next(items)
                except StopIteration:
                    return
                slot = [None, None, False]
                flying += 1
                if ordered:
                    out.append(slot)
                try:
                    slot[0] = await stepped(fn(item), context.copy())
                except Exception as error:
                    slot[1] = error
                slot[2] = True
                flying -= 1
                if not ordered:
                    out.append(slot)
                if wanted is not None and out[0] is slot:
                    wanted.set_result(None)
                    wanted = None
        finally:
            active -= 1
            if wanted is not None and not active:
                wanted.set_result(None)
                wanted = None

    tasks = [loop.create_task(worker()) for _ in range(limit)]
    while True:
        while out and out[0][2]:
            value, error, _ = out.popleft()
            if error is not None:
                raise error
            yield value
        if room:
            for free in room:
                free.set_result(None)
            room.clear()
        if not active and not out:
            break
        if not (out and out[0][2]):
            wanted = loop.create_future()
            await wanted
    await asyncio.gather(*tasks)


def hand_threads(fn, source, limit, window, ordered):
    items, out = iter(source), deque()
    lock = threading.Lock()
    ready, room = threading.Condition(lock), threading.Condition(lock)
    live, waiting, flying, context = limit, False, 0, copy_context()

    def worker():
        nonlocal live, flying
        while True:
            with lock:
                while len(out) + (0 if ordered else flying) >= window:
                    room.wait()
                try:
                    item = next(items)
                except StopIteration:
                    live -= 1
                    ready.notify()
                    return
                slot = [None, None, False]
                flying += 1
                if ordered:
                    out.append(slot)
            try:
                slot[0] = context.copy().run(fn, item)
            except Exception as error:
                slot[1] = error
            with lock:
                slot[2] = True
                flying -= 1
                if not ordered:
                    out.append(slot)
                if waiting and out[0] is slot:
                    ready.notify()

    for _ in range(limit):
        threading.Thread(target=worker, daemon=True).start()
    while True:
        with lock:
            while not (out and out[0][2]) and (live or out):
                waiting = True
                ready.wait()
                waiting = False
            if not out:
                break
            batch = []
            while out and out[0][2]:
                batch.append(out.popleft())
            room.notify(len(batch))
        for value, error, _ in batch:
            if error is not None:
                raise error
            yield value
