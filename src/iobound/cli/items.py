"""Where the items of a run come from: a file or stdin in one of four formats, patterns of file names, or arguments."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from glob import iglob
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from iobound.cli.exits import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

FORMATS = ("auto", "lines", "jsonl", "csv", "null")
SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
CHUNK = 1 << 16


@dataclass(frozen=True)
class Items:
    """Items, lazily read; how many they are, if that is known."""

    each: Iterable[Any]
    total: int | None = None

    def first(self, limit: int | None) -> Items:
        """At most `limit` of them."""
        if limit is None:
            return self
        return Items(islice(self.each, limit), limit if self.total is None else min(limit, self.total))


def find_items(file: str | None, kind: str, patterns: Sequence[str], arguments: Sequence[str]) -> Items:
    """The items of the one source that was named."""
    named = [name for name, given in (("-i", file), ("--files", patterns), ("arguments", arguments)) if given]
    if len(named) > 1:
        raise Problem(f"items come from one place, not from {' and '.join(named)}")
    if arguments:
        return Items(arguments, len(arguments))
    if patterns:
        return Items(_matching(patterns))
    if file is None:
        raise Problem("no items", "-i FILE, -i - for stdin, --files 'PATTERN', or the items as arguments")
    if kind == "auto":
        kind = SUFFIXES.get(Path(file).suffix, "lines")
    name = "stdin" if file == "-" else file
    return Items(READERS[kind](_open(file), name))


def _matching(patterns: Sequence[str]) -> Iterator[str]:
    for pattern in patterns:
        found = iglob(pattern, recursive=True)  # noqa: PTH207 - as a shell reads it, absolute ones too
        first = next(found, None)
        if first is None:
            raise Problem(f"no file matches {pattern!r}", "** matches folders below: 'data/**/*.json'")
        yield first
        yield from found


def _open(file: str) -> IO[bytes]:
    if file == "-":
        return sys.stdin.buffer
    path = Path(file)
    if path.is_dir():
        raise Problem(f"{file!r} is a directory", f"--files '{path}/*' gives the files in it")
    try:
        return path.open("rb")
    except FileNotFoundError:
        folder = path.parent
        names = [each.name for each in folder.iterdir()] if folder.is_dir() else []
        near = get_close_matches(path.name, names, 1)
        raise Problem(f"no file {file!r}", f"did you mean {folder / near[0]}?" if near else "") from None
    except OSError as error:
        raise Problem(f"cannot read {file!r}: {error.strerror}") from None


def _lines(stream: IO[bytes], name: str) -> Iterator[str]:
    """Text lines, without those that are empty."""
    with stream:
        for number, line in enumerate(stream, 1):
            text = _text(line.rstrip(b"\r\n"), name, number)
            if text:
                yield text


def _text(line: bytes, name: str, number: int) -> str:
    if b"\0" in line:
        raise Problem(f"{name}, line {number}: not text", "--format null reads names that end in NUL")
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise Problem(f"{name}, line {number}: not UTF-8 ({error.reason})") from None


def _jsonl(stream: IO[bytes], name: str) -> Iterator[Any]:
    for number, line in _numbered(stream, name):
        try:
            item = json.loads(line)
        except ValueError as error:
            problem = f"{name}, line {number}: not JSON ({error})"
            raise Problem(problem, "--format lines takes each line as it is") from None
        yield item


def _numbered(stream: IO[bytes], name: str) -> Iterator[tuple[int, str]]:
    with stream:
        for number, line in enumerate(stream, 1):
            text = _text(line, name, number)
            if text.strip():
                yield number, text


def _csv(stream: IO[bytes], name: str) -> Iterator[dict[str, str]]:
    """A dict for each row, by the names in the first one."""
    with TextIOWrapper(stream, newline="") as text:
        rows = csv.DictReader(text, strict=True, restkey="")
        try:
            for row in rows:
                if "" in row or None in row.values():
                    raise Problem(f"{name}, line {rows.line_num}: not as many columns as in the first row")
                yield row
        except (csv.Error, UnicodeDecodeError) as error:
            raise Problem(f"{name}, line {rows.line_num}: {error}") from None


def _null(stream: IO[bytes], _name: str) -> Iterator[str]:
    """Names that end in NUL, as `find -print0` writes them."""
    rest = b""
    with stream:
        while chunk := stream.read(CHUNK):
            *whole, rest = (rest + chunk).split(b"\0")
            for name in whole:
                yield name.decode(errors="surrogateescape")
    if rest:
        yield rest.decode(errors="surrogateescape")


READERS: dict[str, Callable[[IO[bytes], str], Iterator[Any]]] = {
    "lines": _lines,
    "jsonl": _jsonl,
    "csv": _csv,
    "null": _null,
}
