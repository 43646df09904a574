"""The gateway's tables; `migrations` holds how a database came to have them.

Times are UTC without a zone, because SQLite keeps none. Credits are whole numbers.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

MAX_ACCOUNT_CHARACTERS = 100
MAX_IDEMPOTENCY_KEY_CHARACTERS = 255

METADATA = MetaData()

_Account = String(MAX_ACCOUNT_CHARACTERS)
_Endpoint = String(50)
_Token = String(32)  # 128 random bits in hex

# `balance` is what can be spent now; NULL is an account that nobody meters.
ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("name", _Account, primary_key=True),
    Column("balance", BigInteger),
    Column("created_at", DateTime, nullable=False),
)

# `scopes` are names of endpoints with commas between them; NULL is all of them.
KEYS = Table(
    "api_keys",
    METADATA,
    Column("id", String(8), primary_key=True),
    Column("account", _Account, nullable=False, index=True),
    Column("digest", String(64), nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("expires_at", DateTime),
    Column("revoked_at", DateTime),
    Column("scopes", String(500)),
    Column("last_used_at", DateTime),
)

# `endpoint` and `size_bytes` are NULL in rows of releases before revision 0004.
RESULTS = Table(
    "results",
    METADATA,
    Column("name", String(200), primary_key=True),
    Column("account", _Account, nullable=False, index=True),
    Column("media_type", String(50), nullable=False),
    Column("expires_at", DateTime, nullable=False, index=True),
    Column("endpoint", _Endpoint),
    Column("size_bytes", BigInteger),
)

# Credits that were taken from a balance for a call that is still running.
HOLDS = Table(
    "holds",
    METADATA,
    Column("id", _Token, primary_key=True),
    Column("account", _Account, nullable=False, index=True),
    Column("endpoint", _Endpoint, nullable=False),
    Column("units", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("expires_at", DateTime, nullable=False, index=True),
)

# What came in (`credit`) and went out (`charge`, negative). For every account that is metered,
# the sum of its rows is its balance plus its holds. `hold` is unique: no hold is charged twice.
LEDGER = Table(
    "ledger",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("account", _Account, nullable=False, index=True),
    Column("kind", String(10), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("endpoint", _Endpoint),
    Column("hold", _Token, unique=True),
    Column("at", DateTime, nullable=False),
)

# What an account did on a day (UTC), metered or not.
USAGE = Table(
    "usage",
    METADATA,
    Column("account", _Account, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("endpoint", _Endpoint, primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("credits", BigInteger, nullable=False),
)

# Answers by `Idempotency-Key`; `status` is NULL while the first request with the key still runs.
IDEMPOTENT = Table(
    "idempotent_answers",
    METADATA,
    Column("account", _Account, primary_key=True),
    Column("key", String(MAX_IDEMPOTENCY_KEY_CHARACTERS), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("token", _Token, nullable=False),
    Column("status", Integer),
    Column("body", LargeBinary),
    Column("headers", String(5000)),  # JSON; long enough for the URL of a job
    Column("expires_at", DateTime, nullable=False, index=True),
)

# Requests that are answered later. `beat_at` says when the gateway that runs the job was last
# alive; `answer` is JSON, NULL until there is one, and `items` holds what a batch that runs has
# answered so far; `webhook_due_at` is NULL when nothing is left to send, and `webhook` with it.
# `endpoints` are names with commas between them; NULL in rows before revision 0004.
JOBS = Table(
    "jobs",
    METADATA,
    Column("id", _Token, primary_key=True),
    Column("account", _Account, nullable=False, index=True),
    Column("request_id", String(80), nullable=False),
    Column("status", String(10), nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("beat_at", DateTime, nullable=False),
    Column("expires_at", DateTime, nullable=False, index=True),
    Column("items", Text),
    Column("answer", Text),
    Column("webhook", Text),
    Column("webhook_status", String(10)),
    Column("webhook_attempts", Integer, nullable=False),
    Column("webhook_due_at", DateTime, index=True),
    Column("endpoints", String(200)),
)

# Items of batches with an Idempotency-Key that were charged; `item` is a digest of both.
SETTLED = Table(
    "settled_items",
    METADATA,
    Column("item", String(64), primary_key=True),
    Column("account", _Account, nullable=False, index=True),
    Column("expires_at", DateTime, nullable=False, index=True),
)
