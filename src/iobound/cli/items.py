"""Where the items of a run come from: a file or stdin in one of four formats, patterns of file names, or arguments."""

from __future__ import annotations

import csv
import json
import os
from codecs import BOM_UTF8
from dataclasses import dataclass
from difflib import get_close_matches
from glob import iglob
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
        names = list(_matching(patterns))
        return Items(names, len(names))
    if file is None:
        raise Problem("no items", "-i FILE, -i - for stdin, --files 'PATTERN', or the items as arguments")
    if kind == "auto":
        kind = SUFFIXES.get(Path(file).suffix, "lines")
    name = "stdin" if file == "-" else file
    return Items(READERS[kind](_open(file), name))


def _matching(patterns: Sequence[str]) -> Iterator[str]:
    """Files, not folders, each once; those of one pattern in the order of their names."""
    seen: set[str] = set()
    for pattern in patterns:
        names = iglob(pattern, recursive=True)  # noqa: PTH207 - as a shell reads it, absolute ones too
        found = sorted(name for name in names if not os.path.isdir(name))  # noqa: PTH112 - strings, for thousands
        if not found:
            raise Problem(f"no file matches {pattern!r}", "** matches folders below: 'data/**/*.json'")
        yield from (name for name in found if name not in seen)
        seen.update(found)


def _open(file: str) -> IO[bytes]:
    if file == "-":
        return _stdin()
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


def _stdin() -> IO[bytes]:
    """Standard input, through a reader of our own.

    A thread may be blocked in it when the interpreter ends, and would hold the lock of `sys.stdin`, which closes then.
    """
    try:
        return open(0, "rb", closefd=False)
    except OSError:
        raise Problem("stdin is closed", "-i FILE reads a file, and items may be arguments") from None


def _lines(stream: IO[bytes], name: str) -> Iterator[str]:
    """Text lines, without those that are empty."""
    for number, line in _numbered(stream):
        if b"\0" in line:
            raise Problem(f"{name}, line {number}: not text", "--format null reads names that end in NUL")
        text = _text(line.rstrip(b"\r\n"), name, number, "--format null takes names of any bytes: find -print0")
        if text:
            yield text


def _numbered(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines, without the mark that some programs put in front of UTF-8."""
    with stream:
        for number, line in enumerate(stream, 1):
            yield number, line.removeprefix(BOM_UTF8) if number == 1 else line


def _text(line: bytes, name: str, number: int, hint: str = "`iconv -f latin1 -t utf-8` makes it so, say") -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise Problem(f"{name}, line {number}: not UTF-8 ({error.reason})", hint) from None


def _jsonl(stream: IO[bytes], name: str) -> Iterator[Any]:
    for number, line in _numbered(stream):
        text = _text(line, name, number).strip()
        if not text:
            continue
        try:
            item = json.loads(text)
        except ValueError as error:
            problem = f"{name}, line {number}: not JSON ({error})"
            raise Problem(problem, "--format lines takes each line as it is") from None
        yield item


def _csv(stream: IO[bytes], name: str) -> Iterator[dict[str, str]]:
    """A dict for each row, by the names in the first one."""
    lines = (_text(line, name, number) for number, line in _numbered(stream))
    rows = csv.reader(lines, strict=True)
    try:
        head = next(rows, [])
        for column in head:
            if head.count(column) > 1:
                raise Problem(f"{name}: two columns are named {column!r}", "each needs a name of its own")
        for row in rows:
            if row and len(row) != len(head):
                raise Problem(f"{name}, line {rows.line_num}: not as many columns as in the first row")
            if row:
                yield dict(zip(head, row, strict=True))
    except csv.Error as error:
        raise Problem(f"{name}, line {rows.line_num}: {error}") from None


def _null(stream: IO[bytes], _name: str) -> Iterator[str]:
    """Names that end in NUL, as `find -print0` writes them."""
    parts: list[bytes] = []  # of a name that is not whole yet: joined once, however long it gets
    with stream:
        while chunk := stream.read1(CHUNK):  # type: ignore[attr-defined] # what there is, without waiting for more
            first, *others = chunk.split(b"\0")
            parts.append(first)
            for following in others:
                yield b"".join(parts).decode(errors="surrogateescape")
                parts = [following]
    if any(parts):
        yield b"".join(parts).decode(errors="surrogateescape")


READERS: dict[str, Callable[[IO[bytes], str], Iterator[Any]]] = {
    "lines": _lines,
    "jsonl": _jsonl,
    "csv": _csv,
    "null": _null,
}
