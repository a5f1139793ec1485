"""Checksums of files."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ALGORITHMS = ("sha256", "blake2b", "md5", "sha1", "sha512")
CHUNK = 1 << 18
"""Bytes read at once. hashlib lets go of the GIL for each, so threads overlap both reading and hashing."""


def digest(path: str, algorithm: str = "sha256") -> str:
    """The checksum of a file, in hexadecimal.

    Args:
        path: of a file. A directory is an error: that is how one which cannot be read is told.
        algorithm: a name that `hashlib.new` knows.

    Raises:
        OSError: the file cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile() as file:
        ...     digest(file.name, "md5")
        'd41d8cd98f00b204e9800998ecf8427e'
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    try:
        chunk = os.read(descriptor, CHUNK)
        found = hashlib.new(algorithm, chunk, usedforsecurity=False)
        while chunk:
            chunk = os.read(descriptor, CHUNK)
            found.update(chunk)
    except IsADirectoryError:
        with os.scandir(path):  # says why, if it cannot be read
            raise
    finally:
        os.close(descriptor)
    return found.hexdigest()


def walk(paths: Iterable[str]) -> Iterator[str]:
    """The files below `paths`, in the order of their names; a folder that cannot be read is given as it is.

    Symbolic links to files are followed, those to folders are not, so that no walk goes in circles; a link that leads
    nowhere is given, and fails. Pipes, sockets and devices are passed over: reading them might never end.
    """
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112 - strings, for thousands of files
            yield from _below(path)
        else:
            yield path


def _below(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        yield folder
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path)
        elif _may_be_file(entry):
            yield entry.path


def _may_be_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file, or a link that cannot be followed: reading that one says why."""
    try:
        return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))  # noqa: PTH110 - a string
    except OSError:  # a circle of links, or a folder that may not be looked into
        return True


def checksum_line(path: str, digest: str) -> bytes:
    r"""A line that `sha256sum -c` accepts.

    A name with a backslash, a newline or a carriage return is escaped, and the line begins with a backslash, as GNU
    coreutils do it.

    Example:
        >>> checksum_line("a\nb", "d41d8")
        b'\\d41d8  a\\nb\n'
    """
    name = os.fsencode(path)
    if not any(mark in name for mark in (b"\\", b"\n", b"\r")):
        return digest.encode() + b"  " + name + b"\n"
    name = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return b"\\" + digest.encode() + b"  " + name + b"\n"
