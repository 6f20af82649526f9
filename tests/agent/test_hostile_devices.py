"""A box with hostile devices beside good ones: the good ones notice nothing.

Here 8 and 16 with short times; ``make hostile-devices`` is 64 and 64 with the box's own.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.devices import OnvifRoom
from agent.devices.account import Mode
from protocol.words import Reason
from tests.agent.devices.builders import QUICK, a_device
from tests.agent.devices.test_session import NOT_AUTHORIZED, challenge, has_digest, has_token, refusal
from tests.support.hostile import Hostile, answering
from tests.support.hostile_village import PULL_POINTS_MADE, Climb, Plan, Report, judged, run, told

SMALL = Plan(good=8, hostile=16, total_s=3.0, interval_s=4.0, calm_s=1.0, attack_s=9.0)


@pytest.mark.timeout(180)
def test_eight_good_devices_notice_nothing_of_sixteen_hostile_ones(tmp_path: Path) -> None:
    report = run(SMALL, tmp_path)
    assert report.findings == [], told(report)
    assert len(report.kinds) == 16
    assert min(report.told.values()) > 3
    assert "Village-1" not in "".join(log.read_text() for log in tmp_path.glob("*.log"))


def a_report() -> Report:
    """A run in which nothing went wrong."""
    good = [Climb(float(at), 0.1, "authenticated", "ok", "") for at in (0, 5, 10, 15)]
    bad = [Climb(6.0, 3.0, "reachable", "hung", "卡住 / hung")]
    device = {"counters": {PULL_POINTS_MADE: 1}, "subscriptions": 1, "auth_failures": 0}
    return Report(
        SMALL,
        calm_mib=100.0,
        most_mib=110.0,
        climbs={"good-0": good, "hostile-0": bad},
        changes=[],
        told={"good-0": 2},
        heard={"good-0": 2},
        kinds={"hostile-0": "never_answers"},
        before={"good-0": device},
        devices={"good-0": {**device, "counters": dict(device["counters"])}},  # type: ignore[call-overload]
        attacked_at_s=4.0,
    )


def test_everything_that_the_good_ones_could_notice_is_found() -> None:
    assert judged(a_report()) == []
    for change, said in (
        ({"most_mib": 170.0}, "memory grew by 70.0"),
        ({"climbs": {"good-0": a_report().climbs["good-0"]}}, "was never climbed"),
        ({"changes": ["good-0 authenticated -> unreachable"]}, "a good device changed"),
        ({"heard": {"good-0": 1}}, "told 2 motions, 1 were written"),
    ):
        report = a_report()
        for name, value in change.items():
            setattr(report, name, value)
        assert said in "; ".join(judged(report))
    late = a_report()
    late.climbs["good-0"][-1].at_s = 25.0
    assert "late" in "; ".join(judged(late))
    believed = a_report()
    believed.climbs["hostile-0"][0].reason = "ok"
    assert "never_answers" in "; ".join(judged(believed))
    lost = a_report()
    lost.devices["good-0"]["counters"][PULL_POINTS_MADE] = 2
    assert "1 were made anew" in "; ".join(judged(lost))


@pytest.mark.parametrize("way", [Mode.DIGEST, Mode.TOKEN])
def test_a_log_in_is_not_carried_to_another_host(way: Mode) -> None:
    """onvif-zeep posts the body with the token again, to whoever a 307 names, and believes the answer."""
    with Hostile("plain_text") as elsewhere:
        moved = (
            f"HTTP/1.1 307 See\r\nLocation: http://127.0.0.1:{elsewhere.port}/onvif\r\n"
            "Content-Length: 0\r\n\r\n"
        ).encode()

        def rule(request: bytes) -> bytes:
            if has_digest(request) or has_token(request):
                return moved
            return refusal(401, NOT_AUTHORIZED, challenge()) if way is Mode.DIGEST else refusal(400)

        with answering(rule) as device:
            adapter = OnvifRoom(limits=QUICK).open(a_device(port=device.port))
            evidence = adapter.climb()
            adapter.close()
            assert any(has_digest(request) or has_token(request) for request in device.requests)
        assert elsewhere.connections == 0
    assert evidence.reason is Reason.BAD_ANSWER
    assert f"127.0.0.1:{elsewhere.port}" in evidence.detail
