"""How a process of the mesh behaves: settings, logs, metrics, errors, gRPC server and client."""
