"""Trains the head that tells positive from negative English sentences."""
