"""Training of the embedded emotions model."""
