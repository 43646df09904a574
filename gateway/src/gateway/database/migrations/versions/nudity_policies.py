"""Nudity policies of API keys."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column, empty in rows that are there."""
    op.add_column("api_keys", sa.Column("policy", sa.String(50)))
