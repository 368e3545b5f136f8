"""Training and evaluation: the step, the runner, and what observes them."""
