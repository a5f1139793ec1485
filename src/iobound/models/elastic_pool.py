"""A pool that lends a thread for each of its own that hangs."""

from __future__ import annotations

from threading import Thread, get_ident
from typing import TYPE_CHECKING

from iobound.models.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable


class ElasticPool(Pool):
    """As `Pool`, but its size may change: by one more when a call hangs, by one less when it comes back."""

    def resize(self, by: int) -> None:
        """Have more threads from now on, or fewer: then the next idle ones go home."""
        with self.lock:
            self.size += by
            self.bound += by
            if by > 0 and self.waiting:
                self.start_thread(*self.waiting.popitem(last=False))
            self.make_room()
        try:
            self.parked.pop().ring()  # to see that it is one too many, or to park again
        except IndexError:
            pass

    def refuse_waiting(self, error: Callable[[], Exception]) -> None:
        """No thread is left for the calls that wait: each fails."""
        with self.lock:
            refused = list(self.waiting)
            self.waiting.clear()
            self.make_room()
        for future in refused:
            if future.set_running_or_notify_cancel():
                future.set_exception(error())

    def surplus(self, me: Thread) -> bool:
        """* Whether this idle thread stood in for one that has come back."""
        if len(self.threads) <= self.size:
            return False
        self.threads.remove(me)
        self.idents.discard(get_ident())
        return True
