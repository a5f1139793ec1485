"""One bounded pool of daemon threads: `iobound.Executor` and the executors of private loops are faces of it."""

from __future__ import annotations

from collections import OrderedDict, deque
from concurrent.futures.thread import BrokenThreadPool
from threading import Lock, Thread, current_thread, get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any

from iobound.models import exits
from iobound.models.pool_futures import PoolFuture, Turn
from iobound.words.bells import ThreadBell
from iobound.words.clock import FOREVER
from iobound.words.errors import Overloaded, hinted, logged
from iobound.words.loops import loop_runs_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iobound.models.pool_futures import Call


class Pool:
    """At most `size` threads, started as needed, and at most `size + queue` calls running and waiting.

    Methods marked * are called under the lock. `close` and `drop` take none, since a collection or a signal handler
    may call them in the middle of anything; who acts under the lock looks again for what they did.
    """

    def __init__(
        self, size: int, queue: float, name: str, *, awaited: bool, initializer: Callable[[], object] | None = None
    ) -> None:
        self.size = size
        self.bound = size + queue
        self.name = name
        self.awaited = awaited
        """At the interpreter's exit its calls are waited for."""
        self.initializer = initializer
        self.closed = False
        self.broken = ""
        """Why no thread of it can work any more."""
        self.overflowed = 0
        """Calls that its own threads submitted beyond the bound."""
        self.forget()

    def forget(self) -> None:
        """Be without threads and work: a new pool, or one that came into a forked child."""
        self.lock = Lock()
        self.waiting: OrderedDict[PoolFuture[Any], Call] = OrderedDict()
        self.running: set[Thread] = set()
        """Threads with a call."""
        self.threads: list[Thread] = []
        self.idents: set[int] = set()
        self.parked: deque[ThreadBell] = deque()
        self.blocked: deque[Turn] = deque()
        """Threads whose `submit` waits, first come, first served. While there are any, the pool is full."""
        self.dropped: deque[PoolFuture[Any]] = deque()
        """Cancelled, and perhaps still among the waiting."""

    def submit(self, call: Call, until: float = FOREVER) -> PoolFuture[Any]:
        """Have the call made; wait for a place until the system's monotonic clock shows `until`."""
        future = self.offer(call)
        if future is None and get_ident() in self.idents:
            future = self.offer(call, beyond=True)  # if its own threads waited here, who would make room?
        return self._submit_in_line(call, until) if future is None else future

    def offer(self, call: Call, *, beyond: bool = False) -> PoolFuture[Any] | None:
        """Have the call made if there is room, or even `beyond` the bound; None if the pool is full."""
        future: PoolFuture[Any] = PoolFuture(self)
        with self.lock:
            if self.closed:
                raise self._refusal()
            full = self.blocked or len(self.waiting) + len(self.running) >= self.bound
            if full and not self.make_room():
                if not beyond:
                    return None
                self.overflowed += 1
            if self._enter(future, call):
                return future
            raise self._refusal()

    @property
    def room(self) -> bool:
        """Whether there is a place, just now."""
        with self.lock:
            return self.make_room()

    def count_waiting(self) -> int:
        """How many calls wait for a thread, just now."""
        with self.lock:
            self.make_room()
            return len(self.waiting)

    def _submit_in_line(self, call: Call, until: float) -> PoolFuture[Any]:
        if loop_runs_here():
            error = Overloaded(f"{self.bound} calls run and wait, and submit() may not block the event loop to wait")
            raise hinted(error, "await some results before submitting more (a semaphore does), or raise queue=")
        turn = Turn(PoolFuture(self), call)
        try:
            self.blocked.append(turn)
            self._wait(turn, until)
        except BaseException:
            self._give_up(turn)
            raise
        return turn.future

    def _give_up(self, turn: Turn) -> None:
        """Nobody waits for this call any more."""
        with self.lock:
            if turn in self.blocked:
                self.blocked.remove(turn)
            self.make_room()
        turn.future.cancel()  # if it was let in after all

    def _wait(self, turn: Turn, until: float) -> None:
        seconds: float | None = None
        while True:
            with self.lock:
                self.make_room()  # also if let in: the ring may have been meant for the next in line
                if turn.admitted:
                    return
                if self.closed:
                    raise self._refusal()
            if until < FOREVER:
                seconds = until - monotonic()
                if seconds <= 0:
                    raise TimeoutError
            turn.wait(seconds)

    def _refusal(self) -> RuntimeError:
        if self.broken:
            return BrokenThreadPool(self.broken)
        return RuntimeError("cannot schedule new futures after shutdown")

    def make_room(self) -> bool:
        """* Remove the cancelled, let in who waits for that, and say whether there is room still."""
        while self.dropped:
            future = self.dropped.popleft()
            if self.waiting.pop(future, None) is not None:
                future.set_running_or_notify_cancel()
        if self.closed and self.blocked:
            self.blocked[0].ring()  # to hear of it, and to tell the next
        while len(self.waiting) + len(self.running) < self.bound:
            if not self.blocked or self.closed:
                return True
            turn = self.blocked.popleft()
            turn.admitted = self._enter(turn.future, turn.call)
            turn.ring()
        return False

    def _enter(self, future: PoolFuture[Any], call: Call) -> bool:
        """* See that somebody makes the call: a new thread, an idle one, or the next that is free.

        False: the pool was closed meanwhile.
        """
        if not self.parked and len(self.threads) < self.size and self.start_thread(future, call):
            return True
        self.waiting[future] = call
        try:
            self.parked.pop().ring()
        except IndexError:
            pass
        return not self.closed or self.waiting.pop(future, None) is None

    def start_thread(self, future: PoolFuture[Any], call: Call) -> bool:
        """* One more thread, with its first call. False: the system has no more, and others do the same work."""
        if self.awaited and not self.threads:
            exits.watch(self)
        name = f"{self.name}_{len(self.threads)}"
        thread = Thread(target=self._serve, args=([(future, call)],), name=name, daemon=True)
        self.threads.append(thread)
        self.running.add(thread)
        try:
            thread.start()
        except RuntimeError:
            self.threads.remove(thread)
            self.running.discard(thread)
            if not self.threads:
                raise
            return False
        return True

    # Working ------------------------------------------------------------------------------------------------

    def _serve(self, first: list[tuple[PoolFuture[Any], Call]]) -> None:
        """The life of a thread. Its first call comes in a list, since `Thread` keeps its arguments."""
        me, bell = current_thread(), ThreadBell()
        self.idents.add(get_ident())
        if self.initializer is not None:
            try:
                self.initializer()
            except BaseException as error:  # noqa: BLE001 - whatever it is, no call can be made here
                self._break(error, first.pop()[0])
                return
        self._make(*first.pop(), me)
        while self._serve_one(me, bell):
            pass

    def _serve_one(self, me: Thread, bell: ThreadBell) -> bool:
        """Make one call, or wait for one. Idle threads hold nothing of the calls they made. False: go home."""
        with self.lock:
            try:
                future, call = self.waiting.popitem(last=False)
            except KeyError:
                if self.closed or self.surplus(me):
                    return False
                self.parked.append(bell)
                call = None
            else:
                self.running.add(me)
        if call is not None:
            self._make(future, call, me)
            del future, call  # an error's traceback leads to this frame, and must not lead back to the error
        elif not self.closed:  # it may have been closed after the test, before the parking
            bell.wait()
        return True

    def surplus(self, me: Thread) -> bool:
        """* Whether this idle thread is one too many."""
        return me not in self.threads

    def _make(self, future: PoolFuture[Any], call: Call, me: Thread) -> None:
        """The place is given back before the result is there, so that who has the result finds room."""
        fn, args, kwargs = call
        try:
            if not future.set_running_or_notify_cancel():
                return self._leave(me)
            try:
                value = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever asks the future
                self._leave(me)
                future.set_exception(error)
            else:
                self._leave(me)
                future.set_result(value)
        except BaseException as error:  # noqa: BLE001 - the last resort: the thread goes on
            self._leave(me)
            logged(error, "the result of a call was lost: somebody else has settled its future")
        finally:
            del future, call, fn, args, kwargs

    def _leave(self, me: Thread) -> None:
        self.running.discard(me)
        if self.blocked or self.dropped:  # who joins the line looks for room once more, and sees this place
            with self.lock:
                self.make_room()

    # Ending -------------------------------------------------------------------------------------------------

    def drop(self, future: PoolFuture[Any]) -> None:
        """A call was cancelled: its place is given back by whoever next needs one. Takes no lock."""
        self.dropped.append(future)
        self._ring_first()

    def _ring_first(self) -> None:
        """Have the first in line look for itself."""
        try:
            self.blocked[0].ring()
        except IndexError:
            pass

    def close(self, *, cancel: bool = False) -> None:
        """Accept nothing more; threads go home when nothing waits. Cancel what waits, if asked to. Takes no lock."""
        self.closed = True
        if cancel:
            for future in self._unstarted():
                future.cancel()
                future.set_running_or_notify_cancel()
        self._ring_first()
        try:
            while True:
                self.parked.pop().ring()
        except IndexError:
            pass

    def join(self) -> None:
        """Wait until all calls are made and all threads gone, but for the calling one."""
        with self.lock:
            threads = tuple(self.threads)
        for thread in threads:
            if thread.is_alive() and thread is not current_thread():
                thread.join()

    def _unstarted(self) -> Iterator[PoolFuture[Any]]:
        """Those that wait, and wait no longer."""
        try:
            while True:
                yield self.waiting.popitem(last=False)[0]
        except KeyError:
            pass

    def _break(self, error: BaseException, first: PoolFuture[Any]) -> None:
        logged(error, "the initializer of %s failed: the executor cannot be used any more", self.name)
        self.broken = f"a thread's initializer failed: {error!r}"
        self.close()
        self._leave(current_thread())
        for future in (first, *self._unstarted()):
            if future.set_running_or_notify_cancel():
                future.set_exception(BrokenThreadPool(self.broken))
