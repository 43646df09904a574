"""Networks in torch that several services share; a CPU image runs their exported graphs instead."""
