"""What `--setup` gives, watched: whatever goes wrong with it is told as that, and as nothing else."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from iobound.cli.exits import HALTED, WRONG_INPUT, Problem, hint_of
from iobound.models.calls import name_of, sync_manager
from iobound.report.failures import message_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Setup:
    """The user's function, and what has gone wrong with what it gave."""

    def __init__(self, make: Callable[[], Any], failed: Callable[[], object]) -> None:
        self.make = make
        self.failed = failed
        """Called when nothing will be run."""
        self.not_entered: BaseException | None = None
        self.not_left: BaseException | None = None

    def __call__(self) -> Resource:
        """What the user's function gives."""
        with self.entering():
            manager = self.make()
        return AsyncResource(self, manager) if hasattr(type(manager), "__aenter__") else Resource(self, manager)

    @contextmanager
    def entering(self) -> Iterator[None]:
        """Without it no call is made: the error ends the run."""
        try:
            yield
        except BaseException as error:
            self.not_entered = self.not_entered or error
            self.failed()
            raise

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """All calls are over: the error hurts no result, and is told at the end."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the user's
            self.not_left = self.not_left or error

    def problem(self, *, begun: bool) -> Problem:
        """Why it could not be entered."""
        error = self.not_entered
        assert error is not None  # noqa: S101 - whoever asks has looked
        return Problem(f"--setup {self._told(error)}", hint_of(error), HALTED if begun else WRONG_INPUT)

    def warning(self) -> str:
        """Why it could not be left; nothing if it could."""
        return "" if self.not_left is None else f"leaving --setup {self._told(self.not_left)}"

    def _told(self, error: BaseException) -> str:
        return f"{name_of(self.make)} failed: {type(error).__name__}: {message_of(error)}"


class Resource:
    """A context manager of the user's."""

    def __init__(self, setup: Setup, manager: Any) -> None:
        self.setup = setup
        self.manager = manager

    def __enter__(self) -> Any:
        """Enter it."""
        with self.setup.entering():
            return sync_manager(self.manager).__enter__()

    def __exit__(self, *error: object) -> Any:
        """Leave it."""
        with self.setup.leaving():
            return self.manager.__exit__(*error)


class AsyncResource(Resource):
    """An async one, which may be a plain one too."""

    async def __aenter__(self) -> Any:
        """Enter it."""
        with self.setup.entering():
            return await self.manager.__aenter__()

    async def __aexit__(self, *error: object) -> Any:
        """Leave it."""
        with self.setup.leaving():
            return await self.manager.__aexit__(*error)
