"""One server for each peer, in its best reasonable configuration."""
