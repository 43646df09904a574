"""The REST gateway: API keys, URL fetching, JSON in, gRPC out."""
