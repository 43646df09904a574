"""Jobs whose state, answers and messages outlive the gateway that took them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns, empty in rows that are there, the table and the indices."""
    op.add_column("jobs", sa.Column("is_batch", sa.Boolean))
    op.add_column("jobs", sa.Column("input_bytes", sa.BigInteger))
    op.add_column("jobs", sa.Column("attempts", sa.Integer))
    op.add_column("jobs", sa.Column("publications", sa.Integer))
    op.add_column("jobs", sa.Column("message", sa.BigInteger))
    op.add_column("jobs", sa.Column("ended_at", sa.DateTime))
    op.add_column("jobs", sa.Column("dead_at", sa.DateTime))
    op.add_column("jobs", sa.Column("claim", sa.String(32)))
    op.add_column("jobs", sa.Column("webhook_publications", sa.Integer))
    op.add_column("jobs", sa.Column("webhook_message", sa.BigInteger))
    op.add_column("jobs", sa.Column("webhook_log", sa.Text))
    op.create_index("ix_jobs_status", "jobs", ["status"])
    op.create_index("ix_jobs_webhook_status", "jobs", ["webhook_status"])
    op.create_index("ix_jobs_dead_at", "jobs", ["dead_at"])
    op.create_table(
        "job_items",
        sa.Column("job", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("account", sa.String(100), nullable=False, index=True),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("is_passing", sa.Boolean, nullable=False),
    )
