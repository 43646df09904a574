"""Reads text in pictures and analyzes English text."""
