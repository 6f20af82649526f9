"""Invariant 2: whatever the way does to the log, the same state comes out."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.db.transaction import Store
from controller.services.announcing import DEVICE_VERDICT, INCIDENT_OPENED
from controller.services.village import DEVICES_LIMIT
from protocol.messages import (
    BoxEvent,
    Canary,
    CommandResult,
    DeviceHealth,
    Gap,
    Quarantined,
    RecordingState,
)
from protocol.words import DeviceClass, Phase, Rung, SceneTopic
from tests.support.village import Centre, VillageBox


@pytest.fixture
def centre(store: Store) -> Centre:
    return Centre(store)


@pytest.fixture
def box(centre: Centre) -> VillageBox:
    box = centre.box("b1")
    box.come_online()
    return box


LADDER = [
    (Rung.PICTURE_OK, "ok"),
    (Rung.STREAMING, "picture_covered"),
    (Rung.STREAMING, "picture_dark"),
    (Rung.UNREACHABLE, "unreachable"),
    (Rung.ONVIF, "auth_failed"),
    (Rung.UNREACHABLE, "starting"),
]


def write_a_day(box: VillageBox, rng: random.Random, entries: int = 120) -> None:
    """A log of all kinds of entries about five devices, some declared lost."""
    start = box.centre.clock.now() - timedelta(hours=1)
    for number in range(entries):
        at = start + timedelta(seconds=number * 20)
        device = f"{box.id}{rng.randrange(5)}"
        kind = rng.randrange(8)
        if kind < 5:
            box.health(device, *rng.choice(LADDER), at=at, clock_error_ms=rng.choice([None, 0, 60_000]))
        elif kind == 5:
            box.scene(device, at=at, episode=f"e{rng.randrange(6)}")
        elif kind == 6:
            box.identity(device, title=f"t{number}")
        else:
            first = box.last + 1
            box.write(Gap(first=first, last=first + 2, entries=3, reason="outbox_full"), sequence=first + 2)


@pytest.mark.parametrize("seed", range(4))
def test_reordered_doubled_and_missing_batches_end_in_the_same_state(store: Store, seed: int) -> None:
    rng = random.Random(seed)
    centre = Centre(store)
    straight, crooked = centre.box("straight"), centre.box("crooked")
    for box in (straight, crooked):
        box.come_online()
        write_a_day(box, random.Random(seed))
    straight.send_all()
    batches = [sorted(crooked.log)[i : i + 10] for i in range(0, len(crooked.log), 10)]
    way = batches + rng.choices(batches, k=8)
    rng.shuffle(way)
    lost = rng.randrange(len(way))
    for index, batch in enumerate(way):
        if index != lost:
            rng.shuffle(batch)
            crooked.send(*batch)
    crooked.send_all()
    assert end_state_of(centre, "straight") == end_state_of(centre, "crooked")
    centre.assert_lawful()


def end_state_of(centre: Centre, box_id: str) -> dict[str, Any]:
    """The end state of one box; both have devices of the same names, so each has its own prefix."""
    device_ids = {row["id"] for row in centre.rows("device", box_id=box_id)}
    return {
        "devices": [
            (r["id"].removeprefix(box_id), r["verdict"], r["verdict_reason"], r["title"], r["clock_error_ms"])
            for r in centre.rows("device", box_id=box_id)
        ],
        "intervals": sorted(
            (r["subject_id"].removeprefix(box_id), r["from_at"], str(r["to_at"]), r["verdict"], r["reason"])
            for r in centre.rows("interval", subject_kind="device")
            if r["subject_id"] in device_ids
        ),
        "incidents": sorted(
            (r["category"], r["device_id"].removeprefix(box_id), r["count"], r["state"], r["reason"])
            for r in centre.rows("incident", box_id=box_id)
        ),
        "positions": [(r["epoch"], r["upto"], r["highest"]) for r in centre.rows("position", box_id=box_id)],
    }


def test_a_device_that_goes_down_is_one_incident_however_often_it_flaps(
    centre: Centre, box: VillageBox
) -> None:
    for _ in range(100):
        box.health("cam1", Rung.UNREACHABLE, "unreachable")
        box.health("cam1", Rung.PICTURE_OK)
    box.send_all()
    assert centre.row("incident")["count"] == 100
    assert len(centre.feed(INCIDENT_OPENED)) == 1
    notes = [row["text"] for row in centre.rows("incident_history") if row["action"] == "count"]
    assert notes == ["2", "10", "100"]
    centre.assert_lawful()


def test_one_episode_counts_once_however_often_it_is_reported(centre: Centre, box: VillageBox) -> None:
    for phase in (Phase.START, Phase.PULSE, Phase.END):
        box.scene("cam1", phase=phase, episode="one")
    box.scene("cam1", episode="two")
    box.send_all()
    incident = centre.row("incident")
    assert (incident["category"], incident["state"], incident["suspected"]) == ("2001", "NEW", True)
    assert incident["count"] == 2


def test_motion_opens_nothing(centre: Centre, box: VillageBox) -> None:
    box.scene("cam1", SceneTopic.MOTION, zone="")
    box.send_all()
    assert centre.rows("incident") == []
    assert centre.row("device")["verdict"] == "unknown"


@pytest.mark.parametrize(
    ("rung", "reason", "category"),
    [
        (Rung.STREAMING, "picture_covered", "1005"),
        (Rung.STREAMING, "picture_frozen", "1004"),
        (Rung.AUTHENTICATED, "no_stream", "1003"),
    ],
)
def test_faults_open_their_category_and_are_accepted_by_themselves(
    centre: Centre, box: VillageBox, rung: Rung, reason: str, category: str
) -> None:
    box.health("cam1", rung, reason, evidence="a" * 64)
    box.send_all()
    incident = centre.row("incident")
    assert (incident["category"], incident["state"], incident["reason"]) == (category, "ACCEPTED", reason)
    assert incident["evidence"] == "a" * 64
    assert incident["case_no"] == "TG20260301-000001"
    assert incident["title_zh"].startswith("四知村 cam1")
    centre.assert_lawful()


def test_a_clock_that_is_off_is_its_own_incident(centre: Centre, box: VillageBox) -> None:
    box.health("cam1", Rung.PICTURE_OK, clock_error_ms=-3_600_000)
    box.send_all()
    assert centre.row("device")["verdict"] == "ok"
    assert [row["category"] for row in centre.rows("incident")] == ["1007"]


def test_a_conference_endpoint_that_answers_is_fine(centre: Centre, box: VillageBox) -> None:
    box.identity("term1", device_class=DeviceClass.CONFERENCE_ENDPOINT)
    box.health("term1", Rung.REACHABLE)
    box.send_all()
    assert centre.row("device")["verdict"] == "ok"
    box.health("term1", Rung.UNREACHABLE, "unreachable")
    box.send_all()
    assert centre.row("incident")["category"] == "1012"


def test_the_class_may_come_after_the_evidence(centre: Centre, box: VillageBox) -> None:
    box.health("term1", Rung.REACHABLE)
    box.identity("term1", device_class=DeviceClass.CONFERENCE_ENDPOINT)
    box.send_all()
    assert centre.row("device")["verdict"] == "ok"


def test_an_identity_is_kept_and_shown(centre: Centre, box: VillageBox) -> None:
    box.identity("cam1", vendor="ACME", firmware="1.2", gb_code="61052202001326000001", profiles=("main",))
    box.send_all()
    row = centre.row("device")
    assert (row["vendor"], row["firmware"], row["gb_code"]) == ("ACME", "1.2", "61052202001326000001")
    assert row["profiles"] == ["main"]


def test_every_kind_of_entry_is_stored_and_passed(centre: Centre, box: VillageBox) -> None:
    box.write(BoxEvent(what="boot"))
    box.write(Canary(number=1))
    box.write(CommandResult(command="c1", verb="snapshot", outcome="done"))
    box.write(Quarantined(sha256="b" * 64, refused_because="too large"))
    box.write(RecordingState(offered=True, channel="3", disk="full", recording=False), device="cam-1")
    (ack,) = box.send_all()
    assert ack["upto"] == 5


@pytest.mark.parametrize("off_s", [-600, 600, 3600 * 24 * 365, -(3600 * 24 * 365 * 30)])
def test_a_box_with_a_wrong_clock_never_runs_the_intervals_backwards(
    centre: Centre, box: VillageBox, off_s: float
) -> None:
    box.health("cam1", Rung.PICTURE_OK)
    box.send_all()
    box.clock_off_s = off_s
    for rung, reason in LADDER:
        centre.clock.advance(10)
        box.health("cam1", rung, reason)
    box.clock_off_s = 0
    centre.clock.advance(10)
    box.health("cam1", Rung.PICTURE_OK)
    box.send_all(after=1)
    assert centre.intervals("cam1")[-1] == ("ok", "ok")
    latest = max(row["from_at"] for row in centre.rows("interval", subject_id="cam1"))
    assert latest <= centre.clock.now()
    centre.assert_lawful()


def test_entries_of_1970_are_applied_and_keep_their_own_time(centre: Centre, box: VillageBox) -> None:
    box.health("cam1", Rung.PICTURE_OK, at=datetime(1970, 1, 2, tzinfo=UTC))
    (ack,) = box.send_all()
    assert ack["upto"] == 1
    assert centre.row("entry")["time"].year == 1970
    centre.assert_lawful()


def test_a_device_of_another_box_is_not_touched(centre: Centre, box: VillageBox) -> None:
    box.health("cam1", Rung.PICTURE_OK)
    box.send_all()
    other = centre.box("b2")
    other.come_online()
    other.health("cam1", Rung.UNREACHABLE, "unreachable")
    (ack,) = other.send_all()
    assert ack["upto"] == 1
    assert (centre.row("device")["box_id"], centre.row("device")["verdict"]) == ("b1", "ok")
    assert centre.row("anomaly")["refusal"] == "foreign"
    assert centre.rows("incident") == []


def test_an_entry_about_a_device_must_name_it(centre: Centre, box: VillageBox) -> None:
    box.write(DeviceHealth(rung=Rung.PICTURE_OK, reason="ok"))
    (ack,) = box.send_all()
    assert ack["upto"] == 1
    assert centre.row("anomaly")["refusal"] == "schema"


def test_a_box_cannot_invent_devices_without_end(centre: Centre, box: VillageBox) -> None:
    for number in range(DEVICES_LIMIT + 5):
        box.health(f"d{number}", Rung.PICTURE_OK)
    box.send_all()
    assert len(centre.rows("device")) == DEVICES_LIMIT
    assert sum(row["count"] for row in centre.rows("anomaly")) == 5


def test_verdict_changes_are_in_the_feed_with_what_was_before(centre: Centre, box: VillageBox) -> None:
    box.health("cam1", Rung.PICTURE_OK)
    box.health("cam1", Rung.PICTURE_OK, detail="again")
    box.health("cam1", Rung.STREAMING, "picture_dark")
    box.send_all()
    found = [(b["data"]["previous"]["verdict"], b["data"]["verdict"]) for b in centre.feed(DEVICE_VERDICT)]
    assert found == [("unknown", "ok"), ("ok", "degraded")]
