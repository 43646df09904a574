"""One server for each peer, configured as its documentation advises."""
