"""Databases that can and cannot be opened, and the way to the present schema."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from controller.db.engine import DatabaseUnusable, open_engine
from controller.db.schema import head, migrate, revision
from controller.db.tables import metadata
from controller.db.transaction import Store

pytestmark = [
    pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based"),
    pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index"),
]


def test_the_migrations_make_exactly_the_tables_of_the_code(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_migrating_again_changes_nothing(store: Store) -> None:
    migrate(store.engine)
    assert revision(store.engine) == head()


def test_a_database_of_a_newer_version_is_refused(store: Store) -> None:
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseUnusable, match="9999"):
        migrate(store.engine)


def test_a_file_that_is_no_database_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "controller.db"
    file.write_bytes(b"half a page of something else")
    with pytest.raises(DatabaseUnusable, match=r"controller\.db is damaged.*move it away"):
        open_engine(f"sqlite:///{file}")
    assert file.read_bytes() == b"half a page of something else"


@pytest.mark.parametrize("keep", [40, 4096, 20000])
def test_a_file_cut_short_is_named_and_left_as_it_is(
    tmp_path: Path, sqlite_template: Path, keep: int
) -> None:
    file = tmp_path / "controller.db"
    cut = sqlite_template.read_bytes()[:keep]
    file.write_bytes(cut)
    engine = open_engine(f"sqlite:///{file}")
    with pytest.raises(DatabaseUnusable, match=r"controller\.db is damaged"):
        migrate(engine)
    engine.dispose()
    assert file.read_bytes() == cut


def test_a_page_of_rubbish_is_found(tmp_path: Path, sqlite_template: Path) -> None:
    file = tmp_path / "controller.db"
    content = bytearray(sqlite_template.read_bytes())
    content[4096:8192] = b"\xa5" * 4096
    file.write_bytes(content)
    engine = open_engine(f"sqlite:///{file}")
    with pytest.raises(DatabaseUnusable, match="damaged"):
        migrate(engine)
    engine.dispose()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="nowhere"):
        open_engine(f"sqlite:///{tmp_path}/nowhere/controller.db")


@pytest.mark.parametrize("url", ["sqlite://", "mysql://root@localhost/x"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(DatabaseUnusable):
        open_engine(url)
