"""`iobound hash`: what sha256sum accepts, of real files."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess

import pytest

from iobound.jobs.hashing import ALGORITHMS, CHUNK, checksum_line, digest, walk

NAMES = ["plain", "sub/deep/x", "with space", "b\\ack", "new\nline", "r\rturn", "\udcff", "-dash"]


@pytest.fixture
def tree(tmp_path):
    """Files with odd names, an empty one, and one larger than what is read at once."""
    folder = tmp_path / "tree"
    for number, name in enumerate(NAMES):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([number]) * (number * CHUNK // 3))
    return folder


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_digests_are_right(tree, algorithm):
    for name in NAMES:
        assert digest(str(tree / name), algorithm) == hashlib.new(algorithm, (tree / name).read_bytes()).hexdigest()


def test_the_walk_finds_every_file_once_in_order(tree):
    (tree / "circle").symlink_to(tree)
    (tree / "link").symlink_to(tree / "plain")
    found = list(walk([str(tree), "nowhere"]))
    assert sorted(found[:-1]) == sorted([*(str(tree / name) for name in NAMES), str(tree / "link")])
    assert found[-1] == "nowhere"


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum here")
@pytest.mark.parametrize("model", ["serial", "threads"])
def test_sha256sum_accepts_the_output(command, tree, model):
    """Odd names and all."""
    code, _, err = command("hash", str(tree), "-o", "sums", "--model", model, "-q")
    assert (code, err) == (0, "")
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "sums"],  # noqa: S607
        cwd=command.folder,
        capture_output=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
    assert len((command.folder / "sums").read_bytes().splitlines()) == len(NAMES)


def test_what_cannot_be_read_fails_alone(command, tree):
    """A missing file, and a folder nobody may list."""
    locked = tree / "locked"
    locked.mkdir(mode=0)
    try:
        code, out, err = command("hash", str(tree), "nowhere")
    finally:
        locked.chmod(0o700)
    assert code == 1
    assert len(out.splitlines()) == len(NAMES)
    assert "x FileNotFoundError" in err
    if os.geteuid():
        assert "x PermissionError" in err


def test_a_path_that_is_no_file_is_a_clear_failure(command):
    code, out, err = command("hash", "nowhere", "-a", "md5")
    assert (code, out) == (1, "")
    assert "failed  1 x FileNotFoundError: [Errno 2] No such file or directory: 'nowhere'" in err


def test_lines_of_plain_names():
    assert checksum_line("a b", "00ff") == b"00ff  a b\n"
