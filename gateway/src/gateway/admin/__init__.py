"""Keys and accounts over gRPC, for whoever runs the gateway."""
