"""The REST contract: one file per endpoint, and the Structs that the endpoints share."""
