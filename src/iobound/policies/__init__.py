"""What decides whether an attempt may start, and whether a failed one is made again.

Pure rules: none reads a clock, sleeps or calls the user's code. Each is a gate (`iobound.words.gates`) or the rule
inside one, handed the time by whoever asks.
"""
