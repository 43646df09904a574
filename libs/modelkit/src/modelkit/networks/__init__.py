"""Networks in torch that several services share; a CPU runs their exported graphs."""
