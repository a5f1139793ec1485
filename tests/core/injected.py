"""What has no public keyword yet, put into real runs: gates of the tests' own, keys, costs, a keeper."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from iobound.models.choices import Model
    from iobound.models.driver import Driver
    from iobound.models.job import Job
    from iobound.words.attempt import Attempt
    from iobound.words.clock import Clock


@dataclass(eq=False)
class Injected:
    """A model that changes the rules of its runs, and gives every item a key and a cost."""

    model: Model
    key: Callable[[Any], Hashable] | None = None
    cost: Callable[[Any], float] | None = None
    rules: dict[str, Any] = field(default_factory=dict)
    driver: Driver | None = None

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def concurrency(self) -> int:
        return self.model.concurrency

    @property
    def clock(self) -> Clock:
        return self.model.clock

    def drive(self, job: Job, bell: Any, loop: Any) -> Driver:
        rules = dict(self.rules)
        if self.key is not None:
            rules["keyed"] = True
        changed = replace(
            job,
            rules=replace(job.rules, **rules),
            prepare=self._prepare if self.key is not None or self.cost is not None else None,
        )
        self.driver = self.model.drive(changed, bell, loop)
        return self.driver

    def _prepare(self, attempt: Attempt) -> None:
        if self.key is not None:
            attempt.key = self.key(attempt.item)
        if self.cost is not None:
            attempt.cost = self.cost(attempt.item)
