"""Accounts: keys, rate limits, credits and usage."""
