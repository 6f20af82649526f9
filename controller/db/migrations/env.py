"""Alembic's entry: migrations run on the connection that ``controller.db.schema`` hands in."""

from alembic import context

from controller.db.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
