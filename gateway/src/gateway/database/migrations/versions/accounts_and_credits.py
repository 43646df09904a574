"""Accounts with balances, the ledger, usage, stored answers, scopes and last use of keys."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# Every account was a word on keys; none of them is metered until it is given a balance.
_ACCOUNTS_OF_KEYS = (
    "INSERT INTO accounts (name, created_at) "
    "SELECT account, MIN(created_at) FROM api_keys GROUP BY account"
)


def upgrade() -> None:
    """Make the tables, and an account for every one that a key names."""
    op.add_column("api_keys", sa.Column("scopes", sa.String(500)))
    op.add_column("api_keys", sa.Column("last_used_at", sa.DateTime))
    _make_accounts()
    op.create_table(
        "usage",
        sa.Column("account", sa.String(100), primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("endpoint", sa.String(50), primary_key=True),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("credits", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "idempotent_answers",
        sa.Column("account", sa.String(100), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("body", sa.LargeBinary),
        sa.Column("headers", sa.String(5000)),
        sa.Column("expires_at", sa.DateTime, nullable=False, index=True),
    )


def _make_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("balance", sa.BigInteger),
        sa.Column("created_at", sa.DateTime, nullable=False),
    )
    op.execute(_ACCOUNTS_OF_KEYS)
    op.create_table(
        "holds",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("account", sa.String(100), nullable=False, index=True),
        sa.Column("endpoint", sa.String(50), nullable=False),
        sa.Column("units", sa.Integer, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.DateTime, nullable=False, index=True),
    )
    op.create_table(
        "ledger",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("account", sa.String(100), nullable=False, index=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("endpoint", sa.String(50)),
        sa.Column("hold", sa.String(32), unique=True),
        sa.Column("at", sa.DateTime, nullable=False),
    )
