"""Colours black-and-white photos."""
