"""Requests that are answered later, and what their webhooks are owed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("account", sa.String(100), nullable=False, index=True),
        sa.Column("request_id", sa.String(80), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("beat_at", sa.DateTime, nullable=False),
        sa.Column("expires_at", sa.DateTime, nullable=False, index=True),
        sa.Column("items", sa.Text),
        sa.Column("answer", sa.Text),
        sa.Column("webhook", sa.Text),
        sa.Column("webhook_status", sa.String(10)),
        sa.Column("webhook_attempts", sa.Integer, nullable=False),
        sa.Column("webhook_due_at", sa.DateTime, index=True),
    )
