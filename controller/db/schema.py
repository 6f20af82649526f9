"""Brings a database to the present schema. Migrations go forward only."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from controller.db.engine import DatabaseUnusable, check_integrity

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x4F7574706F7374  # "Outpost": PostgreSQL's advisory lock, so that two starting processes take turns


def migrate(engine: Engine, *, to: str = "head") -> None:
    """Apply the migrations that are missing. Idempotent.

    Raises DatabaseUnusable when the file is damaged or was written by a newer version.
    """
    check_integrity(engine)
    with engine.execution_options(writer=True).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        _refuse_newer(engine, present=MigrationContext.configure(connection).get_current_revision())
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, to)


def revision(engine: Engine) -> str | None:
    """The migration the database is at; None when it is empty."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """The newest migration of this version."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    assert found is not None
    return found


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("path_separator", "os")
    return config


def _refuse_newer(engine: Engine, *, present: str | None) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if present is not None and present not in known:
        raise DatabaseUnusable(
            f"数据库版本 {present} 比本程序新，请升级程序。"
            f" database {engine.url.render_as_string()} is at migration {present}, which this version does"
            f" not know: it was written by a newer one; install that version or restore an older backup"
        )
