"""What can be learnt of a run, a network or a recipe: logs, layers, activations, features, speed, settings."""
