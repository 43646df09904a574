"""What every training run shares: data, schedule, averaging, checkpoints, scores."""
