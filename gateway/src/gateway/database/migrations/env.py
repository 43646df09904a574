"""Run the steps on the connection that `gateway.database.engine` hands over."""

from alembic import context

from gateway.database.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
