"""Storage that is slow to open a file: a FUSE file system that passes reads through to a folder.

It speaks the kernel's protocol itself (linux/fuse.h, documented in the kernel's Documentation/filesystems/fuse): a
read-only folder needs half a dozen requests and no library. Mounting takes Linux, /dev/fuse and root; elsewhere
`available` says no. The calls that open a file wait in the kernel, as with a network file system.

    with mounted("/some/folder", delay=0.005) as mount:
        ...
"""

import ctypes
import errno
import heapq
import os
import select
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from iobound.lab.process import started

LOOKUP, FORGET, GETATTR, OPEN, READ, STATFS, RELEASE = 1, 2, 3, 14, 15, 17, 18
INIT, INTERRUPT, DESTROY, BATCH_FORGET = 26, 36, 38, 42
SILENT = (FORGET, INTERRUPT, BATCH_FORGET)
"""Requests that have no answer."""
READ_ONLY, NO_SUID, NO_DEVICES, DETACH = 1, 2, 4, 2
KEEP_CACHE = 2
"""What was read once stays in the page cache: only to open it takes long."""
ROOT = 1
VERSION = (7, 31)
PARALLEL = 1 << 18
"""Look-ups in one folder may overlap."""
BACKGROUND = 1_024
LONGEST_REQUEST = 8_192
FOREVER = 1 << 30
STDIN = 0

Answer = tuple[int, bytes]
"""An error number, and the body."""


def available() -> bool:
    """Whether this machine lets us mount one."""
    with tempfile.TemporaryDirectory(prefix="iobound-bench-") as folder:
        try:
            with mounted(folder, 0.0):
                return True
        except (OSError, RuntimeError):
            return False


@contextmanager
def mounted(folder: str, delay: float) -> Iterator[str]:
    """The files of `folder`, each opened after `delay` seconds: a mount point beside it, as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="iobound-slow-", dir=Path(folder).parent) as point:
        order = (folder, point, str(delay))
        with started("slow_storage", *order, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise RuntimeError(f"FUSE is not to be had (exit status {process.wait()})")
            try:
                yield point
            finally:
                unmount(point)


def unmount(point: str) -> None:
    """Take it away, also from under who still uses it."""
    ctypes.CDLL(None).umount2(point.encode(), DETACH)


# --- in the process of the file system ---


def attributes(node: int, status: os.stat_result) -> bytes:
    """A `fuse_attr`."""
    seconds = (int(status.st_atime), int(status.st_mtime), int(status.st_ctime))
    owner = (status.st_mode, status.st_nlink, status.st_uid, status.st_gid)
    return struct.pack("<6Q10I", node, status.st_size, status.st_blocks, *seconds, 0, 0, 0, *owner, 0, 4096, 0)


class Folder:
    """The answers to what the kernel asks about one folder of plain files."""

    def __init__(self, folder: str) -> None:
        files = sorted(Path(folder).iterdir())
        self.nodes = [Path(folder), *files]
        self.numbers = {path.name.encode(): number for number, path in enumerate(files, start=ROOT + 1)}
        self.answers: dict[int, Callable[[int, bytes], Answer]] = {
            INIT: self.init,
            LOOKUP: self.look_up,
            GETATTR: self.attributes,
            OPEN: self.open,
            READ: self.read,
            RELEASE: self.release,
        }

    def answer(self, opcode: int, node: int, body: bytes) -> Answer:
        """What the kernel gets told."""
        known = self.answers.get(opcode)
        return known(node, body) if known else (errno.ENOSYS, b"")

    def init(self, _node: int, _body: bytes) -> Answer:
        """A `fuse_init_out`."""
        sizes = (BACKGROUND, BACKGROUND, 4096, 1, 0, 0)
        return 0, struct.pack("<4I2H2I2H8I", *VERSION, 4096, PARALLEL, *sizes, *[0] * 8)

    def look_up(self, _node: int, body: bytes) -> Answer:
        """A `fuse_entry_out`."""
        number = self.numbers.get(body.rstrip(b"\0"))
        if number is None:
            return errno.ENOENT, b""
        entry = struct.pack("<4Q2I", number, 0, FOREVER, FOREVER, 0, 0)
        return 0, entry + attributes(number, self.nodes[number - ROOT].stat())

    def attributes(self, node: int, _body: bytes) -> Answer:
        """A `fuse_attr_out`."""
        return 0, struct.pack("<Q2I", FOREVER, 0, 0) + attributes(node, self.nodes[node - ROOT].stat())

    def open(self, node: int, _body: bytes) -> Answer:
        """A `fuse_open_out`."""
        return 0, struct.pack("<Q2I", node, KEEP_CACHE, 0)

    def read(self, node: int, body: bytes) -> Answer:
        """Some bytes of a file."""
        _handle, offset, size = struct.unpack_from("<2QI", body)
        with self.nodes[node - ROOT].open("rb") as file:
            file.seek(offset)
            return 0, file.read(size)

    def release(self, _node: int, _body: bytes) -> Answer:
        """Nothing is held for an open file."""
        return 0, b""


def mount(point: str) -> int:
    """Mount it: the descriptor over which the kernel asks."""
    device = os.open("/dev/fuse", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()},allow_other"
    library = ctypes.CDLL(None, use_errno=True)
    flags = READ_ONLY | NO_SUID | NO_DEVICES
    if library.mount(b"iobound-slow", point.encode(), b"fuse", flags, options.encode()):
        raise OSError(ctypes.get_errno(), "cannot mount FUSE")
    return device


def serve(device: int, folder: Folder, delay: float) -> None:
    """Answer the kernel until it unmounts, or until the parent closes our standard input."""
    due: list[tuple[float, int, bytes]] = []
    while True:
        left = max(0.0, due[0][0] - time.monotonic()) if due else None
        readable = select.select([device, STDIN], [], [], left)[0]
        if STDIN in readable:
            return
        while request := asked(device):
            _length, opcode, unique, node = struct.unpack_from("<2I2Q", request)
            if opcode in SILENT:
                continue
            number, body = folder.answer(opcode, node, request[40:])
            answer = struct.pack("<IiQ", 16 + len(body), -number, unique) + body
            if opcode == OPEN:
                heapq.heappush(due, (time.monotonic() + delay, unique, answer))
            else:
                tell(device, answer)
        while due and due[0][0] <= time.monotonic():
            tell(device, heapq.heappop(due)[2])


def asked(device: int) -> bytes:
    """A request of the kernel; nothing if there is none now."""
    try:
        return os.read(device, LONGEST_REQUEST)
    except (BlockingIOError, FileNotFoundError):  # the latter: it was interrupted while it was handed over
        return b""


def tell(device: int, answer: bytes) -> None:
    """Answer the kernel, unless whoever asked is gone."""
    with suppress(FileNotFoundError):
        os.write(device, answer)


def main() -> None:
    """Mount, say so, serve."""
    folder, point, delay = sys.argv[1:]
    device = mount(point)
    print("mounted", flush=True)
    try:
        serve(device, Folder(folder), float(delay))
    except OSError as error:
        if error.errno != errno.ENODEV:  # which says that it was unmounted
            raise
    finally:
        unmount(point)


if __name__ == "__main__":
    main()
