"""Invariant 5: each step has one history row and one feed entry, and people act along the table."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from controller.db.records import IncidentRecord
from controller.db.transaction import Store
from controller.domain.incidents import IllegalTransition
from controller.services.announcing import INCIDENT_CHANGED, INCIDENT_OPENED, INCIDENT_RECOVERED
from controller.services.incidents import Incidents, UnknownIncident, VersionStale
from protocol.words import Rung
from tests.support.village import Centre, VillageBox


@pytest.fixture
def centre(store: Store) -> Centre:
    return Centre(store)


@pytest.fixture
def box(centre: Centre) -> VillageBox:
    box = centre.box("b1")
    box.come_online()
    return box


def act(centre: Centre, incident_id: str, action: str, **more: Any) -> IncidentRecord:
    with centre.store.write() as transaction:
        steps = Incidents(transaction, now=centre.clock.now())
        return steps.act(incident_id, action, **{"actor": "account:desk", **more})


def intrusion(box: VillageBox) -> str:
    box.scene("cam1", at=datetime.fromisoformat("2026-03-01T07:59:00+00:00"))
    box.send_all()
    return str(box.centre.row("incident")["id"])


def fault(box: VillageBox) -> str:
    box.health("cam1", Rung.UNREACHABLE, "unreachable")
    box.send_all()
    return str(box.centre.row("incident")["id"])


def heal(centre: Centre, box: VillageBox) -> None:
    """Healthy again, and past the hold-down."""
    box.health("cam1", Rung.PICTURE_OK)
    box.send(box.last)
    centre.pass_time(40, every_s=10, beating=[box])


def test_a_whole_loop_leaves_one_row_and_one_entry_a_step(centre: Centre, box: VillageBox) -> None:
    incident_id = intrusion(box)
    for action, more in (
        ("accept", {}),
        ("assign", {"unit": "秦东镇"}),
        ("return", {"text": "属地不符"}),
        ("assign", {"unit": "太要镇"}),
        ("sign", {"actor": "account:town"}),
        ("feed_back", {"actor": "account:town", "text": "已驱离"}),
        ("rework", {"text": "没有照片"}),
        ("feed_back", {"actor": "account:town", "text": "照片已补"}),
        ("verify", {}),
        ("evaluate", {"text": "满意"}),
        ("close", {}),
    ):
        act(centre, incident_id, action, **more)
    history = centre.rows("incident_history")
    assert [row["number"] for row in history] == list(range(1, 13))
    assert (history[-1]["from_state"], history[-1]["to_state"]) == ("EVALUATED", "CLOSED")
    entries = centre.feed(INCIDENT_OPENED, INCIDENT_CHANGED)
    assert [entry["data"]["number"] for entry in entries] == list(range(1, 13))
    assert entries[-1]["data"]["state_zh"] == "已办结"
    centre.assert_lawful()


def test_an_illegal_step_leaves_nothing(centre: Centre, box: VillageBox) -> None:
    incident_id = intrusion(box)
    before = (centre.row("incident"), len(centre.rows("feed")), len(centre.rows("incident_history")))
    with pytest.raises(IllegalTransition):
        act(centre, incident_id, "close")
    assert (centre.row("incident"), len(centre.rows("feed")), len(centre.rows("incident_history"))) == before


def test_who_read_an_older_version_is_told(centre: Centre, box: VillageBox) -> None:
    incident_id = intrusion(box)
    act(centre, incident_id, "accept", version=1)
    with pytest.raises(VersionStale, match="version 2, not 1"):
        act(centre, incident_id, "assign", unit="u", version=1)


def test_a_mere_count_does_not_outdate_what_people_read(centre: Centre, box: VillageBox) -> None:
    incident_id = intrusion(box)
    box.scene("cam1", episode="again")
    box.send_all(after=1)
    assert centre.row("incident")["count"] == 2
    assert act(centre, incident_id, "accept", version=1).state == "ACCEPTED"


def test_an_incident_that_does_not_exist_is_named(centre: Centre) -> None:
    with pytest.raises(UnknownIncident, match="nowhere"):
        act(centre, "nowhere", "accept")


def test_limits_run_from_the_moment_of_opening(centre: Centre, box: VillageBox) -> None:
    intrusion(box)
    row = centre.row("incident")
    assert (row["opened_at"] - row["found_at"]).total_seconds() == 60
    assert (row["sign_due_at"] - row["opened_at"]).total_seconds() == 600
    assert (row["finish_due_at"] - row["opened_at"]).total_seconds() == 7200


def test_the_feed_names_no_person(centre: Centre, box: VillageBox) -> None:
    act(centre, intrusion(box), "accept", actor="account:wang")
    (entry,) = centre.feed(INCIDENT_CHANGED)
    assert entry["data"]["actor"] == "person"
    assert "wang" not in str(entry)


def test_a_fault_recovers_only_after_the_hold_down(centre: Centre, box: VillageBox) -> None:
    fault(box)
    box.health("cam1", Rung.PICTURE_OK)
    box.send(box.last)
    centre.pass_time(29, every_s=1)
    assert centre.row("incident")["recovered_at"] is None
    centre.pass_time(2)
    assert centre.row("incident")["recovered_at"] is not None
    assert len(centre.feed(INCIDENT_RECOVERED)) == 1
    assert centre.row("incident")["state"] == "ACCEPTED"
    centre.assert_lawful()


def test_a_fault_that_flaps_within_the_hold_down_never_recovers(centre: Centre, box: VillageBox) -> None:
    fault(box)
    for _ in range(5):
        for rung, reason in ((Rung.PICTURE_OK, "ok"), (Rung.UNREACHABLE, "unreachable")):
            box.health("cam1", rung, reason)
            box.send(box.last)
            centre.pass_time(20, every_s=5)
    assert centre.row("incident")["recovered_at"] is None
    assert centre.row("incident")["count"] == 6
    assert centre.feed(INCIDENT_RECOVERED) == []


def test_what_breaks_again_before_it_is_closed_is_the_same_incident(centre: Centre, box: VillageBox) -> None:
    fault(box)
    heal(centre, box)
    box.health("cam1", Rung.UNREACHABLE, "unreachable")
    box.send(box.last)
    row = centre.row("incident")
    assert (row["count"], row["recovered_at"]) == (2, None)
    assert centre.feed(INCIDENT_CHANGED)[-1]["data"]["action"] == "recurred"
    centre.assert_lawful()


def test_one_fault_that_turns_into_another_recovers_for_itself(centre: Centre, box: VillageBox) -> None:
    fault(box)
    box.health("cam1", Rung.STREAMING, "picture_dark")
    box.send(box.last)
    centre.pass_time(40, every_s=10, beating=[box])
    found = {row["category"]: row["recovered_at"] is not None for row in centre.rows("incident")}
    assert found == {"1003": True, "1004": False}


def test_a_clock_put_right_recovers_though_the_verdict_never_changed(centre: Centre, box: VillageBox) -> None:
    box.health("cam1", Rung.PICTURE_OK, clock_error_ms=60_000)
    box.send_all()
    centre.pass_time(60, every_s=10, beating=[box])
    assert centre.row("incident")["recovered_at"] is None
    box.health("cam1", Rung.PICTURE_OK, clock_error_ms=12)
    box.send(box.last)
    centre.pass_time(20, every_s=10, beating=[box])
    assert centre.row("incident")["recovered_at"] is None
    centre.pass_time(20, every_s=10, beating=[box])
    assert centre.row("incident")["recovered_at"] is not None


def test_a_box_that_stays_back_recovers(centre: Centre, box: VillageBox) -> None:
    centre.pass_time(130, every_s=10)
    assert centre.row("incident")["category"] == "1001"
    box.come_online()
    centre.pass_time(40, every_s=10, beating=[box])
    assert centre.row("incident")["recovered_at"] is not None
    centre.assert_lawful()


def test_the_machine_confirms_a_repair_that_stayed_good(centre: Centre, box: VillageBox) -> None:
    incident_id = fault(box)
    heal(centre, box)
    act(centre, incident_id, "assign", unit="运维单位")
    act(centre, incident_id, "sign")
    act(centre, incident_id, "feed_back", text="已换电源")
    centre.pass_time(1700, every_s=30, beating=[box])
    assert centre.row("incident")["state"] == "FEEDBACK"
    centre.pass_time(120, every_s=30, beating=[box])
    assert centre.row("incident")["state"] == "VERIFIED"
    assert centre.rows("incident_history")[-1]["actor"] == "system"
    centre.assert_lawful()


def test_after_it_is_closed_the_same_fault_is_a_new_incident(centre: Centre, box: VillageBox) -> None:
    act(centre, fault(box), "cancel", text="演练")
    heal(centre, box)
    box.health("cam1", Rung.UNREACHABLE, "unreachable")
    box.send(box.last)
    assert [row["state"] for row in centre.rows("incident")] == ["CANCELLED", "ACCEPTED"]
    assert [row["case_no"][-6:] for row in centre.rows("incident")] == ["000001", "000002"]


def test_reopening_is_refused_while_another_is_open_about_the_same(centre: Centre, box: VillageBox) -> None:
    incident_id = intrusion(box)
    for action, more in (
        ("accept", {}),
        ("assign", {"unit": "u"}),
        ("sign", {}),
        ("feed_back", {"actor": "account:town", "text": "t"}),
        ("verify", {}),
        ("close", {}),
    ):
        act(centre, incident_id, action, **more)
    box.scene("cam1", episode="next")
    box.send(box.last)
    with pytest.raises(IllegalTransition, match="is open about the same"):
        act(centre, incident_id, "reopen", text="复发")
    other = next(row["id"] for row in centre.rows("incident") if row["id"] != incident_id)
    act(centre, other, "cancel", text="重复")
    assert act(centre, incident_id, "reopen", text="复发").state == "REOPENED"
    centre.assert_lawful()


def test_case_numbers_count_by_the_countys_day(centre: Centre, box: VillageBox) -> None:
    """16:00 UTC is midnight in the county."""
    box.scene("cam1")
    box.send(box.last)
    centre.clock.advance(8 * 3600 - 1)
    box.scene("cam2")
    box.send(box.last)
    centre.clock.advance(1)
    box.scene("cam3")
    box.send(box.last)
    assert sorted(row["case_no"] for row in centre.rows("incident")) == [
        "TG20260301-000001",
        "TG20260301-000002",
        "TG20260302-000001",
    ]
