"""Plain data in, text out. This room knows nothing of runs."""
