"""Readings of the machine and of running models."""
