"""Steps that give a database of the gateway its tables, run by alembic.

A new step is a change of `gateway/database/tables.py`, a file in `versions` that does the same to a
database with rows in it, and its revision in `HEAD`; tests compare the steps with the tables.

Releases before a step must go on with the schema behind it, as in a rollout and after a rollback.
Within a minor version a step therefore only adds tables, indices, and columns that may be NULL or
have a default of the server; a test holds that. Revisions are numbers of four digits.
"""

from typing import Final

HEAD: Final = "0007"  # revision of the newest step

# Tables of this revision were made without alembic, before there were steps.
FIRST: Final = "0001"
