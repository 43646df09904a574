"""What Envoy asks before it lets a gRPC caller through to the services."""
