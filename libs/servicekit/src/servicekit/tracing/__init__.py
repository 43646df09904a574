"""Traces of requests; where no collector takes them, the library for them is not even imported."""
