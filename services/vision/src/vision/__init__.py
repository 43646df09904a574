"""Classifies photos, reads facial expressions and detects nudity."""
