"""Service that classifies photos, reads facial expressions and detects nudity."""
