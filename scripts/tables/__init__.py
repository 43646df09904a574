"""Tables of docs/, written from what they show by `python -m scripts.tables`."""
