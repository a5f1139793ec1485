"""`python -m iobound`."""

from iobound.cli import main

main()
