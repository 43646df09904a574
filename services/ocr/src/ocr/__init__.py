"""Service that reads text in images and analyzes English text."""
