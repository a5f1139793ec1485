"""Real measurements, on this machine: programs in fresh processes, beside each other, their answers checked."""
