"""What can be learnt of a run or a network without training it: logs, layers, class activations, features, speed."""
