"""What the library says, in the words of the command line: flags, not keywords."""

from __future__ import annotations

import logging
import re
import warnings
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any, cast

from iobound.cli.exits import say
from iobound.options import Options
from iobound.words.errors import BlockingLoopWarning

if TYPE_CHECKING:
    from collections.abc import Iterator

FLAGS = "|".join(field.name for field in fields(Options) if field.metadata)
LONG = "|".join(name for name in FLAGS.split("|") if "_" in name)
"""No word of English: a keyword wherever it stands."""
_GIVEN = re.compile(rf"\b({FLAGS})=('[^']*'|[^\s,;)]*[^\s,;).:])?")
_NAMED = re.compile(rf"^(?:{FLAGS})(?= takes )|(?<![-\w])(?:{LONG})\b")
_OBJECTS = re.compile(r",? or (?:as )?[A-Z]\w+\([^)]*\)")
"""What a command line cannot write, such as `Rate(100, per=1.0)`."""


def flag(name: str) -> str:
    """The flag that a keyword is."""
    return "--" + name.replace("_", "-")


def spoken(text: str) -> str:
    """A message or hint of the library, with flags where it names keywords: `ordered=False` is `--no-ordered`."""
    return _NAMED.sub(lambda found: flag(found[0]), _GIVEN.sub(_flag, _OBJECTS.sub("", text)))


def _flag(found: re.Match[str]) -> str:
    name, value = flag(found[1]), found[2] or ""
    if value in ("True", "False"):
        return name if value == "True" else f"--no-{name[2:]}"
    plain = value[1:-1] if value.startswith("'") and value[1:-1] and " " not in value else value
    return f"{name} {plain}".rstrip()


class Remarks(logging.Handler):
    """Says what iobound logs; where a person wants quiet, errors alone."""

    def __init__(self, *, quiet: bool, bar: bool) -> None:
        super().__init__(logging.ERROR if quiet else logging.WARNING)
        self.bar = bar
        """One is drawn on the line that is written to."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line, its hint below it."""
        text = self.format(record).replace("\nhint: ", "\n  hint: ")
        say(f"{record.levelname.lower()}: {spoken(text)}", clear=self.bar)


@contextmanager
def remarks(*, quiet: bool, bar: bool) -> Iterator[None]:
    """What iobound logs meanwhile is said here, and by whatever the user's own code has set up.

    So is a blocked loop, also where warnings are errors: it would end a run whose calls all go well.
    """
    logger, handler, show = logging.getLogger("iobound"), Remarks(quiet=quiet, bar=bar), warnings.showwarning

    def told(message: Warning | str, kind: type[Warning], file: str, line: int, *rest: Any, **more: Any) -> None:
        if issubclass(kind, BlockingLoopWarning):
            where = "" if f":{line}" in str(message) else f"{file}:{line}: "  # some say themselves where it is
            logger.warning("%s%s", where, message)
        else:
            show(message, kind, file, line, *rest, **more)

    logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", BlockingLoopWarning)
            warnings.showwarning = cast("Any", told)
            yield
    finally:
        logger.removeHandler(handler)
