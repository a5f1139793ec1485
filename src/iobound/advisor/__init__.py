"""Measures a function under every model that can run it, and recommends one: measure, judge, recommend."""
