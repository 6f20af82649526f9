"""A box is given a subnet and a log-in: 16 devices of all makes and kinds come under care by themselves.

``make find-64`` does it with 64.
"""

from __future__ import annotations

from tests.support.find_village import lived


def test_sixteen_devices_of_all_makes_are_found_and_listened_to_without_a_wrong_try() -> None:
    timeline = lived(16, limit_s=40)
    assert timeline.wrong == [], timeline.rows
    assert timeline.whole
