"""Shared code of the training runs: data, schedule, averaging, checkpoints, scores."""
