"""HTTP connections of callers: bounded in number, in time and in the size of their headers."""
