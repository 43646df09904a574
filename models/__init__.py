"""Training code of the project's own small models."""
