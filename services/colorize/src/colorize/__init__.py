"""Service that colorizes black-and-white photos."""
