"""Ready-made tasks, and where their items come from."""
