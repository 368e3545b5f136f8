"""The training step: what changes the mathematics."""
