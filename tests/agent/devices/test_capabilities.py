"""Recorded devices times capabilities: the table is kept, and a change of it is seen."""

from __future__ import annotations

from tests.support.capabilities import GOLDEN, table
from tests.support.recorded import onvif_data


def test_every_recorded_device_does_what_the_table_says() -> None:
    onvif_data()
    assert table() == GOLDEN.read_text("utf-8")
