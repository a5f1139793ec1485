"""Failures, grouped: a thousand of one kind are one line with an example."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iobound.words.attempt import Outcome

GROUPS = 100
"""So many kinds are told apart; what comes then is counted together."""
VARIABLE = re.compile(r"'[^']*'|\"[^\"]*\"|0x[0-9a-fA-F]+|\d+")
"""What differs between messages of one kind: names in quotes, addresses, numbers."""
WIDEST = 120


@dataclass
class Group:
    """Failures of one kind."""

    kind: str
    count: int
    example: str
    item: str


class Failures:
    """Counts failures by the type and the form of their message. Bounded, whatever fails."""

    def __init__(self) -> None:
        self.count = 0
        self.groups: dict[tuple[str, str], Group] = {}

    def add(self, outcome: Outcome[Any]) -> Group:
        """Count one; the group it belongs to."""
        self.count += 1
        kind, text = type(outcome.error).__name__, str(outcome.error)
        name = (kind, VARIABLE.sub("", text))
        if name not in self.groups and len(self.groups) >= GROUPS:
            name = ("others", "")
            kind = "others"
        group = self.groups.get(name)
        if group is None:
            group = self.groups[name] = Group(kind, 0, shortened(text), shortened(str(outcome.item)))
        group.count += 1
        return group

    def largest(self) -> list[Group]:
        """The groups, the largest first."""
        return sorted(self.groups.values(), key=lambda group: -group.count)


def shortened(text: str) -> str:
    """The first line of `text`, not too long for a terminal."""
    line = text.strip().split("\n", 1)[0]
    return line if len(line) <= WIDEST else line[: WIDEST - 3] + "..."
