"""The vocabulary every other room speaks: records and small protocols, no behaviour of a run."""
