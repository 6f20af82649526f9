"""One recording for all tests of the room: it takes a second to make."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agent.tuning import films


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording with one visit."""
    return films.visit(tmp_path_factory.mktemp("film"))


@pytest.fixture
def zones(tmp_path: Path) -> Path:
    """A file with a presence zone, a mask and a line."""
    path = tmp_path / "zones.toml"
    path.write_text(films.ZONES, "utf-8")
    return path
