"""The command line: parse, call the API, render. Nothing of it is loaded by `import iobound`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, and leave with its exit code."""
    try:
        from iobound.cli.app import run  # noqa: PLC0415 - without the extra there must be a hint, not a traceback
    except ModuleNotFoundError as error:
        if error.name not in ("click", "rich"):
            raise
        sys.stderr.write(f"error: the command line needs {error.name}\n  hint: pip install 'iobound[cli]'\n")
        sys.exit(2)
    sys.exit(run(sys.argv[1:]))
