"""The pipeline of a POST, look-ups, and hosted content."""
