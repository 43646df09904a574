"""API keys and hosted results: the tables of the first release."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(8), primary_key=True),
        sa.Column("account", sa.String(100), nullable=False, index=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("expires_at", sa.DateTime),
        sa.Column("revoked_at", sa.DateTime),
    )
    op.create_table(
        "results",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("account", sa.String(100), nullable=False, index=True),
        sa.Column("media_type", sa.String(50), nullable=False),
        sa.Column("expires_at", sa.DateTime, nullable=False, index=True),
    )
