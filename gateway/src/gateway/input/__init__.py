"""Bodies of requests, in bounded size, time and memory."""
