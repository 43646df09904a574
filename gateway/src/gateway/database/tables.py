"""The gateway's tables; `migrations` holds how a database came to have them.

Times are UTC without a zone, because SQLite keeps none. Credits are whole numbers.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
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

# `scopes` are names of endpoints with commas between them; NULL is all of them. `policy` names the
# thresholds of nudity; NULL is the default.
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
    Column("policy", String(50)),
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

# Requests that are answered later; the engine of jobs holds a message for each that has not ended.
# `endpoints` are names with commas between them. `input_bytes` is NULL when the input is not in the
# object store any more. `attempts` counts deliveries to workers since the job was queued.
# `publications` counts messages of the job, and `message` is the place of the newest in the stream,
# NULL before it is known; `webhook_publications` and `webhook_message` are the same of its webhook.
# `webhook_log` is JSON of the deliveries tried. `claim` is the token of the Idempotency-Key that
# the job answers. `dead_at` is set for a job that was given up and can be queued again.
# Only releases before revision 0005 read `items`, `answer`, `beat_at` and `webhook_due_at`.
JOBS = Table(
    "jobs",
    METADATA,
    Column("id", _Token, primary_key=True),
    Column("account", _Account, nullable=False, index=True),
    Column("request_id", String(80), nullable=False),
    Column("status", String(10), nullable=False, index=True),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("beat_at", DateTime, nullable=False),
    Column("expires_at", DateTime, nullable=False, index=True),
    Column("items", Text),
    Column("answer", Text),
    Column("webhook", Text),
    Column("webhook_status", String(10), index=True),
    Column("webhook_attempts", Integer, nullable=False),
    Column("webhook_due_at", DateTime, index=True),
    Column("endpoints", String(200)),
    Column("is_batch", Boolean),
    Column("input_bytes", BigInteger),
    Column("attempts", Integer),
    Column("publications", Integer),
    Column("message", BigInteger),
    Column("ended_at", DateTime),
    Column("dead_at", DateTime, index=True),
    Column("claim", _Token),
    Column("webhook_publications", Integer),
    Column("webhook_message", BigInteger),
    Column("webhook_log", Text),
)

# Answers to the items of jobs; a job that is no batch has one item. `is_passing` marks an error
# that passes by itself: such an item is answered anew when its job is queued again.
JOB_ITEMS = Table(
    "job_items",
    METADATA,
    Column("job", _Token, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("account", _Account, nullable=False, index=True),
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("is_passing", Boolean, nullable=False),
)

# Items of batches with an Idempotency-Key that were charged; `item` is a digest of both.
SETTLED = Table(
    "settled_items",
    METADATA,
    Column("item", String(64), primary_key=True),
    Column("account", _Account, nullable=False, index=True),
    Column("expires_at", DateTime, nullable=False, index=True),
)

# Bulk jobs. Messages of the shards below `published` are, or were, in the stream. `stored_bytes`
# counts their inputs and outputs in the object store. A row that is "receiving" is not complete.
BULKS = Table(
    "bulks",
    METADATA,
    Column("id", _Token, primary_key=True),
    Column("account", _Account, nullable=False, index=True),
    Column("request_id", String(80), nullable=False),
    Column("status", String(10), nullable=False, index=True),
    Column("endpoint", _Endpoint, nullable=False),
    Column("done", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("shards", Integer, nullable=False),
    Column("published", Integer, nullable=False),
    Column("stored_bytes", BigInteger, nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("started_at", DateTime),
    Column("ended_at", DateTime),
    Column("expires_at", DateTime, nullable=False, index=True),
)

# Shards of bulk jobs: `items` items from number `first` on. `attempts` counts deliveries to
# workers; `part` is the attempt whose output holds, NULL before there is one. `publications` and
# `message` are as those of a job.
BULK_SHARDS = Table(
    "bulk_shards",
    METADATA,
    Column("bulk", _Token, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("account", _Account, nullable=False, index=True),
    Column("first", Integer, nullable=False),
    Column("items", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("is_over", Boolean, nullable=False),
    Column("part", Integer),
    Column("publications", Integer, nullable=False),
    Column("message", BigInteger),
)
