"""Training of the embedded colorize model."""
