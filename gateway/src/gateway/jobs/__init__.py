"""Requests that are answered later, and the webhooks that tell of it."""
