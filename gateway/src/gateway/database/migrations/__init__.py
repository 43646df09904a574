"""How a database of the gateway came to have its tables, step by step, with alembic.

A new step is a change of `gateway/tables.py`, a file in `versions` that does the same to a database
with rows in it, and its revision in `HEAD`; tests compare what the steps make with the tables.
"""

from typing import Final

HEAD: Final = "0003"  # revision of the newest step

# Tables of this revision were made without alembic, before there were steps.
FIRST: Final = "0001"
