"""A county with open doors for the tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.db.transaction import Store
from runtime.clock import ManualClock
from tests.support import doors
from tests.support.doors import postgres_template, sqlite_template  # noqa: F401 - fixtures by name


@pytest.fixture
def clock() -> ManualClock:
    """The centre's clock, standing at 2025-11-23 09:05:12 in the county."""
    return ManualClock(doors.NOON)


@pytest.fixture
def county(store: Store) -> dict[str, str]:
    """Three villages with faults; incident ids by device or box."""
    return doors.incidents_of(store)


@pytest.fixture
def door(store: Store, county: dict[str, str], clock: ManualClock, tmp_path: Path) -> Iterator[doors.Door]:
    """API and page of that county on a loopback port."""
    with doors.opened(doors.web_on(store, tmp_path / "evidence", clock=clock)) as opened:
        yield opened
