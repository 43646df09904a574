"""Endpoints of results and jobs, sizes of results, and items of batches that were settled."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns, empty in rows that are there, and the table."""
    op.add_column("results", sa.Column("endpoint", sa.String(50)))
    op.add_column("results", sa.Column("size_bytes", sa.BigInteger))
    op.add_column("jobs", sa.Column("endpoints", sa.String(200)))
    op.create_table(
        "settled_items",
        sa.Column("item", sa.String(64), primary_key=True),
        sa.Column("account", sa.String(100), nullable=False, index=True),
        sa.Column("expires_at", sa.DateTime, nullable=False, index=True),
    )
