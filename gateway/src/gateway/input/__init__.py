"""What callers send, in bounded size, time and memory."""
