"""Process kit of the mesh: settings, logs, metrics, errors, gRPC server and client."""
