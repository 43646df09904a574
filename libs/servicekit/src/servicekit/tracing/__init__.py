"""Traces of requests; OpenTelemetry is imported only where a collector is configured."""
