"""Failures, grouped: a thousand of one kind are one line with an example."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iobound.words.attempt import Outcome

GROUPS = 100
"""So many kinds are told apart; what comes then is counted together, by type."""
VARIABLE = re.compile(
    r"""
      '[^']*' | "[^"]*"                     # names in quotes
    | [a-z][a-z\d+.-]*://[^\s'"<>]*         # addresses of the web
    | (?:[A-Za-z]:)?[\w.~-]*(?:[/\\][\w.%~+@=-]+)+[/\\]?    # paths
    | \b(?:[\w-]+\.)+[A-Za-z]{2,}\b         # hosts
    | 0x[0-9a-fA-F]+ | \b[0-9a-fA-F-]{16,}\b | \d+
    """,
    re.VERBOSE,
)
"""What differs between messages of one kind."""
WIDEST = 120
TELLING = 3
"""Letters that the text of an item must have to be found inside of a word; shorter ones are there by accident."""
FIELDS = 20
"""So many fields of an item are looked for in a message."""
FORM = 400
"""Letters of a message that tell its kind."""
REST = "\0"


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
        kind, text = type(outcome.error).__name__, message_of(outcome.error)
        name = self._place(kind, VARIABLE.sub("", without_item(text, outcome.item)[:FORM]))
        group = self.groups.get(name)
        if group is None:
            group = self.groups[name] = Group(name[0], 0, shortened(text), shortened(text_of(outcome.item)))
        group.count += 1
        return group

    def _place(self, kind: str, form: str) -> tuple[str, str]:
        """Where it is counted: with its like, while there is room; then with its type; then with all others."""
        for name, room in (((kind, form), GROUPS), ((kind, REST), 2 * GROUPS)):
            if name in self.groups or len(self.groups) < room:
                return name
        return "others", REST

    def largest(self) -> list[Group]:
        """The groups, the largest first."""
        return sorted(self.groups.values(), key=lambda group: -group.count)


def message_of(error: BaseException | None) -> str:
    """What an error says. It is the user's class, and may fail even at that."""
    return text_of(error)


def text_of(value: object) -> str:
    """The text of an object of the user's, or why it has none."""
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - the user's
        return f"({type(value).__name__}, whose text cannot be had: {type(error).__name__})"


def without_item(text: str, item: object) -> str:
    """The message without what it says of the item itself: its text, or those of its fields."""
    parts = item.values() if isinstance(item, dict) else item if isinstance(item, list | tuple) else (item,)
    own = {str(part) for part in islice(parts, FIELDS) if isinstance(part, str | int | float)}
    for part in sorted(own, key=len, reverse=True):
        if len(part) >= TELLING:
            text = text.replace(part, "")
        elif part:
            text = re.sub(rf"(?<!\w){re.escape(part)}(?!\w)", "", text)
    return text


def shortened(text: str) -> str:
    """The first line of `text`, not too long for a terminal."""
    line = text.strip().split("\n", 1)[0]
    return line if len(line) <= WIDEST else line[: WIDEST - 3] + "..."
