"""Observers of runs: none of them is needed by one."""
