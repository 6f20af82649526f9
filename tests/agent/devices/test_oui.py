"""A make is hinted at by the first bytes of a MAC as IEEE lists them, and by nothing else."""

from __future__ import annotations

import re

import pytest

from agent.devices import oui


@pytest.mark.parametrize(
    ("mac", "make"),
    [
        ("44-19-B6-01-02-03", "Hikvision"),
        ("3c-ef-8c-01-02-03", "Dahua"),
        ("48-EA-63-01-02-03", "Uniview"),
        ("AC-CC-8E-01-02-03", "Axis"),
        ("EC-71-DB-01-02-03", "Reolink"),
        ("00-07-5F-01-02-03", "Bosch"),
        ("00-09-18-01-02-03", "Hanwha"),
        ("00-03-C5-01-02-03", "Mobotix"),
        ("00-02-D1-01-02-03", "Vivotek"),
        ("02-00-00-01-02-03", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_mac_gives_a_hint(mac: str | None, make: str) -> None:
    assert oui.make_of(mac) == make


def test_the_table_is_prefixes_as_the_kernel_s_table_is_written() -> None:
    wrong = [prefix for prefix in oui._MAKES if not re.fullmatch(r"([0-9A-F]{2}-){2}[0-9A-F]{2}", prefix)]
    assert wrong == []
    assert len(oui._MAKES) > 500
    assert set(oui._MAKES.values()) >= {"Tiandy", "TP-Link", "Xiaomi", "Ezviz", "Imou", "Honeywell", "D-Link"}
