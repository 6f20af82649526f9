"""Invariant 3 and the way back: a cut cable is one incident, and the log tells afterwards what was."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controller.db.transaction import Store
from protocol.messages import BoxEvent
from protocol.words import Rung
from tests.support.village import Centre, VillageBox

OFFLINE_S = 120
"""More than the centre's grace and the 45 s of silence."""


@pytest.fixture
def centre(store: Store) -> Centre:
    return Centre(store)


@pytest.fixture
def box(centre: Centre) -> VillageBox:
    """Online, with one good camera."""
    box = centre.box("b1")
    box.come_online()
    box.identity("cam1")
    box.health("cam1", Rung.PICTURE_OK)
    box.send_all()
    centre.clock.advance(5)
    box.beat()
    centre.receiver.flush()
    return box


def cut(centre: Centre, seconds: float) -> None:
    """The village cannot be heard for this long."""
    centre.pass_time(seconds, every_s=max(5, seconds / 20))


def come_back(box: VillageBox, *, after: int) -> None:
    """A new session; the log since ``after`` is sent, then the heartbeat says that this was all."""
    box.session += 1
    box.say("online")
    box.send_all(after=after)
    box.beat()
    box.centre.receiver.flush()


def test_fifty_cameras_behind_a_cut_cable_are_one_incident(centre: Centre, box: VillageBox) -> None:
    for number in range(50):
        box.health(f"cam{number + 10}", Rung.PICTURE_OK)
    box.send_all()
    cut(centre, OFFLINE_S)
    assert [(row["category"], row["device_id"]) for row in centre.rows("incident")] == [("1001", None)]
    assert {row["verdict"] for row in centre.rows("device")} == {"unknown"}
    assert {row["verdict_reason"] for row in centre.rows("device")} == {"parent"}
    centre.assert_lawful()


def test_knowledge_ends_with_the_last_sign_of_life(centre: Centre, box: VillageBox) -> None:
    last_seen = centre.row("box")["last_seen_at"]
    cut(centre, OFFLINE_S)
    assert centre.row("device")["verdict_since"] == last_seen
    assert centre.row("box")["verdict_since"] == last_seen


def test_devices_come_back_with_their_box_and_a_healthy_night_is_told_as_healthy(
    centre: Centre, box: VillageBox
) -> None:
    """Six hours without uplink, cameras healthy: no unknown stretch is left."""
    upto = box.last
    cut(centre, 6 * 3600)
    assert centre.intervals("cam1")[-1] == ("unknown", "parent")
    come_back(box, after=upto)
    assert set(centre.intervals("cam1")) == {("ok", "ok")}
    assert centre.row("device")["verdict"] == "ok"
    assert centre.row("box")["dark_to"] is None
    centre.assert_lawful()


def test_what_the_log_tells_stands_in_the_dark_stretch(centre: Centre, box: VillageBox) -> None:
    upto = box.last
    cut(centre, 1800)
    box.health("cam1", Rung.UNREACHABLE, "unreachable")
    cut(centre, 600)
    box.health("cam1", Rung.PICTURE_OK)
    cut(centre, 1800)
    come_back(box, after=upto)
    assert centre.intervals("cam1") == [
        ("ok", "ok"),
        ("ok", "ok"),
        ("down", "unreachable"),
        ("ok", "ok"),
        ("ok", "ok"),
    ]
    down = centre.row("interval", subject_id="cam1", verdict="down")
    assert (down["to_at"] - down["from_at"]).total_seconds() == 600
    centre.assert_lawful()


def test_what_broke_and_healed_in_the_dark_is_history_and_no_incident(
    centre: Centre, box: VillageBox
) -> None:
    upto = box.last
    cut(centre, OFFLINE_S)
    box.health("cam1", Rung.UNREACHABLE, "unreachable")
    box.health("cam1", Rung.PICTURE_OK)
    cut(centre, 10)
    come_back(box, after=upto)
    assert [row["category"] for row in centre.rows("incident")] == ["1001"]


def test_what_broke_in_the_dark_and_is_broken_still_becomes_an_incident_once_all_is_told(
    centre: Centre, box: VillageBox
) -> None:
    upto = box.last
    cut(centre, OFFLINE_S)
    box.health("cam1", Rung.UNREACHABLE, "unreachable")
    cut(centre, 10)
    box.session += 1
    box.say("online")
    box.send_all(after=upto)
    assert [row["category"] for row in centre.rows("incident")] == ["1001"]
    box.beat()
    centre.receiver.flush()
    assert [row["category"] for row in centre.rows("incident")] == ["1001", "1003"]
    assert centre.row("device")["verdict"] == "down"
    centre.assert_lawful()


def test_a_heartbeat_before_the_log_ends_the_telling_when_the_log_is_there(
    centre: Centre, box: VillageBox
) -> None:
    upto = box.last
    cut(centre, OFFLINE_S)
    box.health("cam1", Rung.UNREACHABLE, "unreachable")
    cut(centre, 10)
    box.come_online()
    assert centre.row("device")["verdict"] == "ok"
    assert centre.row("box")["dark_to"] is not None
    box.send_all(after=upto)
    assert centre.row("device")["verdict"] == "down"
    assert centre.row("box")["dark_to"] is None


def test_a_fault_after_the_return_does_not_wait_for_the_heartbeat(centre: Centre, box: VillageBox) -> None:
    upto = box.last
    cut(centre, OFFLINE_S)
    box.session += 1
    box.say("online")
    centre.clock.advance(5)
    box.health("cam1", Rung.UNREACHABLE, "unreachable")
    box.send_all(after=upto)
    assert [row["category"] for row in centre.rows("incident")] == ["1001", "1003"]
    box.beat()
    centre.receiver.flush()
    assert centre.row("incident", category="1003")["count"] == 1
    centre.assert_lawful()


def test_hours_in_which_the_box_had_no_power_stay_unknown(centre: Centre, box: VillageBox) -> None:
    """Heard last at 0; it ran on for 600 s (an entry proves it), was off, started 300 s before its return."""
    upto = box.last
    cut(centre, 600)
    box.write(BoxEvent(what="tick"))
    cut(centre, 3000)
    box.started_s = centre.clock.monotonic()
    box.write(BoxEvent(what="boot"))
    cut(centre, 300)
    come_back(box, after=upto)
    stretches = [
        (row["verdict"], (row["to_at"] - row["from_at"]).total_seconds())
        for row in centre.rows("interval", subject_id="cam1")
        if row["cause"] in ("backfill", "parent")
    ]
    assert sorted(stretches) == [("ok", 300), ("ok", 600), ("unknown", 3000)]
    centre.assert_lawful()


def test_a_box_that_started_anew_and_says_so_only_by_its_heartbeat_is_not_believed_to_have_watched(
    centre: Centre, box: VillageBox
) -> None:
    upto = box.last
    cut(centre, 3600)
    box.started_s = centre.clock.monotonic()
    come_back(box, after=upto)
    dark = centre.row("interval", subject_id="cam1", cause="parent")
    assert dark["verdict"] == "unknown"
    assert dark["to_at"] - dark["from_at"] == timedelta(seconds=3600)


def test_going_dark_again_before_all_was_told_loses_nothing(centre: Centre, box: VillageBox) -> None:
    upto = box.last
    cut(centre, OFFLINE_S)
    box.health("cam1", Rung.UNREACHABLE, "unreachable")
    box.session += 1
    box.say("online")
    cut(centre, OFFLINE_S)
    assert centre.row("device")["verdict_reason"] == "parent"
    come_back(box, after=upto)
    assert centre.row("device")["verdict"] == "down"
    assert ("unknown", "parent") not in centre.intervals("cam1")
    assert centre.row("incident", category="1001")["count"] == 2
    centre.assert_lawful()


def test_open_incidents_of_devices_stay_open_and_say_that_nobody_can_know(
    centre: Centre, box: VillageBox
) -> None:
    box.health("cam1", Rung.UNREACHABLE, "unreachable")
    box.send_all()
    cut(centre, OFFLINE_S)
    incident = centre.row("incident", category="1003")
    assert (incident["state"], incident["recovered_at"]) == ("ACCEPTED", None)
    actions = [row["action"] for row in centre.rows("incident_history", incident_id=incident["id"])]
    assert actions == ["open", "accept", "box_offline"]
    cut(centre, 600)
    assert centre.row("incident", category="1003")["recovered_at"] is None
    centre.assert_lawful()


def test_a_box_never_heard_of_is_not_down_and_opens_no_incident(centre: Centre) -> None:
    centre.box("b2")
    cut(centre, 600)
    assert centre.intervals("b2", "box") == [("unknown", "starting")]
    assert centre.rows("incident") == []
    centre.assert_lawful()
