"""Benchmarks, one for each question; run as `python -m benchmarks.NAME`."""
