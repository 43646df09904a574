"""The gateway's database: its tables, how it is opened and how it came to be."""
