"""Training of the embedded classify model."""
