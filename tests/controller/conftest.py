"""Fixtures of the centre's tests."""

from tests.support.database import (  # noqa: F401 - fixtures are found by name
    database_url,
    postgres,
    postgres_template,
    sqlite_template,
    store,
)
