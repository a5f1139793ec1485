"""The state machine: every decision of a run, and no I/O.

Nothing here locks, sleeps, awaits, reads a clock or calls the user's code; models call it, under the lock of
the run unless a docstring says otherwise, and act on what it says.
"""
