"""One studio for the tests of a module: its cameras are stopped when the module is done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.studio import Studio


@pytest.fixture(scope="module")
def studio() -> Iterator[Studio]:
    running = Studio()
    yield running
    running.close()
