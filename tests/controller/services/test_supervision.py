"""Who is there is decided by silence on the centre's clock; wills are hints."""

from __future__ import annotations

import pytest

from controller.db.transaction import Store
from controller.services.announcing import BOX_STATE
from protocol.words import Rung
from tests.support.village import Centre, VillageBox


@pytest.fixture
def centre(store: Store) -> Centre:
    """Has listened long enough to judge."""
    centre = Centre(store)
    centre.pass_time(90, every_s=30)
    return centre


@pytest.fixture
def box(centre: Centre) -> VillageBox:
    box = centre.box("b1")
    centre.pass_time(1)
    box.come_online()
    centre.pass_time(1)
    box.beat()
    centre.receiver.flush()
    return box


def is_online(centre: Centre) -> bool:
    return bool(centre.row("box")["online"])


def test_a_box_is_offline_after_45_seconds_of_silence_and_no_sooner(centre: Centre, box: VillageBox) -> None:
    centre.pass_time(45)
    assert is_online(centre)
    centre.pass_time(2)
    assert not is_online(centre)
    assert centre.intervals("b1", "box") == [("unknown", "starting"), ("ok", "ok"), ("down", "unreachable")]
    centre.assert_lawful()


def test_heartbeats_keep_a_box_online(centre: Centre, box: VillageBox) -> None:
    centre.pass_time(300, every_s=5, beating=[box])
    assert is_online(centre)


@pytest.mark.parametrize(("status", "reason"), [("offline", "unreachable"), ("planned_stop", "planned_stop")])
def test_a_good_bye_shortens_the_wait_to_ten_seconds(
    centre: Centre, box: VillageBox, status: str, reason: str
) -> None:
    centre.pass_time(1)
    box.say(status)
    centre.pass_time(10)
    assert is_online(centre)
    centre.pass_time(2)
    assert not is_online(centre)
    assert centre.row("box")["verdict_reason"] == reason
    assert centre.row("incident")["reason"] == reason


def test_a_will_of_an_older_session_is_ignored(centre: Centre, box: VillageBox) -> None:
    old = box.session
    box.come_online()
    box.say("offline", session=old)
    centre.pass_time(20)
    assert is_online(centre)
    assert centre.row("box")["reported_status"] == "online"


def test_a_box_that_reconnects_within_ten_seconds_was_never_gone(centre: Centre, box: VillageBox) -> None:
    before = len(centre.feed(BOX_STATE))
    box.say("offline")
    centre.pass_time(5)
    box.come_online()
    centre.pass_time(20)
    assert is_online(centre)
    assert len(centre.feed(BOX_STATE)) == before


def test_a_box_that_speaks_on_after_its_will_does_not_flap(centre: Centre, box: VillageBox) -> None:
    box.say("offline")
    centre.pass_time(5)
    box.beat()
    centre.pass_time(300, every_s=5, beating=[box])
    assert [row["verdict"] for row in centre.rows("interval", subject_kind="box")] == ["unknown", "ok"]


def test_a_retained_birth_is_no_sign_of_life(centre: Centre, box: VillageBox) -> None:
    centre.pass_time(60)
    assert not is_online(centre)
    box.say("online", session=box.session + 1, retained=True)
    assert not is_online(centre)
    assert centre.row("box")["session"] == box.session + 1


def test_any_live_message_brings_a_box_back(centre: Centre, box: VillageBox) -> None:
    centre.pass_time(60)
    box.health("cam1", Rung.PICTURE_OK)
    box.send_all()
    assert is_online(centre)
    centre.pass_time(60)
    assert not is_online(centre)
    box.beat()
    centre.pass_time(2)
    assert is_online(centre)
    centre.assert_lawful()


def test_a_restart_of_the_centre_changes_nothing(centre: Centre, box: VillageBox) -> None:
    """Ten minutes away; boxes beat every 30 s: two heartbeats are waited for."""
    box.health("cam1", Rung.PICTURE_OK)
    box.send_all()
    before = (len(centre.feed()), centre.intervals("b1", "box"))
    centre.clock.advance(600)
    centre.schedule = centre.new_schedule()
    centre.pass_time(29)
    box.beat()
    centre.pass_time(120, every_s=5, beating=[box])
    assert (len(centre.feed()), centre.intervals("b1", "box")) == before


def test_after_a_restart_who_stays_silent_is_declared_offline_after_the_grace(
    centre: Centre, box: VillageBox
) -> None:
    centre.clock.advance(600)
    centre.schedule = centre.new_schedule()
    centre.pass_time(59)
    assert is_online(centre)
    centre.pass_time(2)
    assert not is_online(centre)


def test_nobody_is_declared_offline_while_the_centre_itself_hears_nothing(
    centre: Centre, box: VillageBox
) -> None:
    centre.listening = False
    centre.pass_time(600, every_s=20)
    centre.listening = True
    centre.pass_time(30)
    box.beat()
    centre.pass_time(120, every_s=5, beating=[box])
    assert is_online(centre)
    assert centre.rows("incident") == []


@pytest.mark.parametrize("years", [2, -2])
def test_a_jump_of_the_centres_clock_changes_no_state(centre: Centre, box: VillageBox, years: int) -> None:
    box.health("cam1", Rung.PICTURE_OK)
    box.send_all()
    centre.pass_time(60, beating=[box])
    before = (len(centre.feed()), centre.intervals("b1", "box"), centre.intervals("cam1"))
    centre.clock.jump(years * 365 * 86400)
    centre.pass_time(180, every_s=5, beating=[box])
    assert (len(centre.feed()), centre.intervals("b1", "box"), centre.intervals("cam1")) == before
    centre.assert_lawful()


@pytest.mark.parametrize("years", [2, -2])
def test_a_dead_box_is_found_after_a_jump_too(centre: Centre, box: VillageBox, years: int) -> None:
    centre.pass_time(10)
    centre.clock.jump(years * 365 * 86400)
    centre.pass_time(120, every_s=5)
    assert not is_online(centre)
    centre.assert_lawful()
