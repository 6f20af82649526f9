"""Discovery over a wire of its own with real multicast, in network namespaces: a /24 within 5 s.

``make discovery-figures`` also does the /22.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.discovery_figures import Figure, NotPermitted, measured, wrong


def test_a_24_is_found_in_five_seconds_by_multicast_and_without() -> None:
    try:
        figure = measured(24)
    except NotPermitted as why:
        pytest.skip(f"no network namespaces here: {why}")
    assert wrong(figure) == [], figure
    assert figure.devices == 64
    assert figure.answers > 3 * figure.devices, "each device answered several probes, and is one entry"


def test_slow_missing_and_double_are_wrong() -> None:
    good = Figure("10.77.0.0/24", 64, 3.0, 64, 64, "10.77.0.0/22", 3.6, 64, 500, 0)
    assert wrong(good) == []
    assert wrong(replace(good, command_s=5.1)) == ["10.77.0.0/24 command: 5.1 s, more than 5"]
    assert wrong(replace(good, multicast_found=63)) == ["10.77.0.0/24 multicast: 63 of 64 devices found"]
    assert wrong(replace(good, twice=2)) == ["10.77.0.0/24: 2 devices stand twice in a result"]
    assert wrong(replace(good, subnet="10.77.0.0/22", command_s=19.0)) == []
