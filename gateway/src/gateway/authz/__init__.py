"""Authorization of native gRPC calls, which Envoy asks for before it forwards them."""
