"""Messages in, acknowledgements out: what is let in, what is refused, and what was committed by then."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY

from controller.db import anomalies
from controller.db.transaction import Store
from controller.services.boxes import revoke
from protocol.codec import canonical, mac_of
from protocol.messages import BoxEvent, Gap
from protocol.topics import TopicClass, topic_of
from protocol.words import Rung
from tests.support.village import Centre, VillageBox


@pytest.fixture
def centre(store: Store) -> Centre:
    return Centre(store)


@pytest.fixture
def box(centre: Centre) -> VillageBox:
    return centre.box("b1")


def refused(reason: str) -> float:
    return REGISTRY.get_sample_value("outpost_refused_total", {"refusal": reason}) or 0.0


def test_an_acknowledgement_speaks_of_what_is_committed(centre: Centre, box: VillageBox) -> None:
    box.identity("cam1")
    box.health("cam1", Rung.PICTURE_OK)
    assert box.send_all() == [{"epoch": box.epoch, "upto": 2, "missing": [], "refused": []}]
    assert centre.row("position")["upto"] == 2
    assert [row["sequence"] for row in centre.rows("entry")] == [1, 2]
    assert centre.row("device")["verdict"] == "ok"
    centre.assert_lawful()


def test_a_batch_sent_again_is_acknowledged_again_and_applied_once(centre: Centre, box: VillageBox) -> None:
    box.scene("cam1")
    first = box.send(1)
    assert box.send(1) == first
    assert centre.row("incident")["count"] == 1
    centre.assert_lawful()


def test_a_gap_is_visible_asked_for_and_waits(centre: Centre, box: VillageBox) -> None:
    for _ in range(6):
        box.write(BoxEvent(what="tick"))
    (ack,) = box.send(1, 4, 6)
    assert (ack["upto"], ack["missing"]) == (1, [[2, 3], [5, 5]])
    (ack,) = box.send(2, 3)
    assert (ack["upto"], ack["missing"]) == (4, [[5, 5]])
    (ack,) = box.send(5)
    assert (ack["upto"], ack["missing"]) == (6, [])
    centre.assert_lawful()


def test_what_waits_behind_a_gap_changes_nothing_yet(centre: Centre, box: VillageBox) -> None:
    box.health("cam1", Rung.PICTURE_OK)
    box.health("cam1", Rung.UNREACHABLE, "unreachable")
    box.send(2)
    assert centre.rows("incident") == []
    box.send(1)
    assert centre.row("incident")["category"] == "1003"
    assert centre.intervals("cam1")[-1] == ("down", "unreachable")


def test_what_came_ahead_of_a_backlog_is_stored_and_applied_in_its_turn(
    centre: Centre, box: VillageBox
) -> None:
    for _ in range(1_200):
        box.write(BoxEvent(what="tick"))
    box.health("cam1", Rung.PICTURE_OK)
    box.health("cam1", Rung.UNREACHABLE, "unreachable")
    box.send(*range(1, 51))
    (ack,) = box.send(1_201, 1_202)
    assert (ack["upto"], ack["missing"]) == (50, [[51, 1_200]])
    assert len(centre.rows("entry")) == 52
    assert centre.rows("incident") == []
    for first in range(51, 1_201, 50):
        (ack,) = box.send(*range(first, first + 50))
    assert (ack["upto"], ack["missing"]) == (1_202, [])
    assert centre.row("incident")["category"] == "1003"
    box.send(1_201, 1_202)
    assert len(centre.rows("incident")) == 1
    centre.assert_lawful()


def test_a_gap_record_closes_what_can_never_come(centre: Centre, box: VillageBox) -> None:
    """Both shapes: appended behind, and in the place of the last entry that was given up."""
    for _ in range(3):
        box.write(BoxEvent(what="tick"))
    box.write(Gap(first=2, last=3, entries=2, reason="purged"), sequence=4)
    (ack,) = box.send(1, 4)
    assert (ack["upto"], ack["missing"]) == (4, [])
    box.write(Gap(first=5, last=9, entries=5, reason="outbox_full"), sequence=9)
    (ack,) = box.send(9)
    assert (ack["upto"], ack["missing"]) == (9, [])
    centre.assert_lawful()


def test_two_gap_records_together_close_one_hole(centre: Centre, box: VillageBox) -> None:
    box.write(BoxEvent(what="tick"))
    box.write(Gap(first=2, last=4, entries=3, reason="purged"), sequence=8)
    box.write(Gap(first=4, last=7, entries=4, reason="purged"), sequence=9)
    (ack,) = box.send(1, 8)
    assert ack["upto"] == 1
    (ack,) = box.send(9)
    assert (ack["upto"], ack["missing"]) == (9, [])
    centre.assert_lawful()


def test_a_gap_record_takes_the_place_of_an_entry_that_waits_behind_the_gap(
    centre: Centre, box: VillageBox
) -> None:
    for _ in range(5):
        box.write(BoxEvent(what="tick"))
    box.send(1, 5)
    box.write(Gap(first=2, last=5, entries=4, reason="outbox_full"), sequence=5)
    (ack,) = box.send(5)
    assert (ack["upto"], ack["missing"]) == (5, [])
    assert centre.row("anomaly")["refusal"] == "conflict"
    centre.assert_lawful()


def test_the_same_sequence_with_another_body_is_an_anomaly_and_the_first_stands(
    centre: Centre, box: VillageBox
) -> None:
    box.health("cam1", Rung.PICTURE_OK)
    box.send(1)
    box.write(BoxEvent(what="other"), sequence=1)
    (ack,) = box.send(1)
    assert ack["upto"] == 1
    found = centre.row("anomaly")
    assert (found["box_id"], found["refusal"], found["count"]) == ("b1", "conflict", 1)
    assert "device.health" in centre.row("entry")["type"]
    box.send(1)
    assert centre.row("anomaly")["count"] == 2


def test_two_bodies_of_one_sequence_in_one_batch_are_an_anomaly(centre: Centre, box: VillageBox) -> None:
    box.write(BoxEvent(what="one"))
    first = box.log[1]
    box.write(BoxEvent(what="two"), sequence=1)
    box.raw(b"[" + first + b"," + box.log[1] + b"]")
    assert centre.row("anomaly")["refusal"] == "conflict"
    assert json.loads(centre.row("entry")["body"])["data"]["what"] == "one"


def test_a_new_log_of_the_same_box_is_applied_beside_the_old(centre: Centre, box: VillageBox) -> None:
    box.health("cam1", Rung.PICTURE_OK)
    box.send(1)
    box.epoch, box.log = "ffffffffffffffff", {}
    box.health("cam1", Rung.UNREACHABLE, "unreachable")
    (ack,) = box.send(1)
    assert (ack["epoch"], ack["upto"]) == ("ffffffffffffffff", 1)
    assert len(centre.rows("position")) == 2
    assert centre.row("device")["verdict"] == "down"
    centre.assert_lawful()


def test_a_box_that_missed_the_acknowledgement_gets_it_at_its_birth(box: VillageBox) -> None:
    box.write(BoxEvent(what="tick"))
    box.write(BoxEvent(what="tick"))
    box.write(BoxEvent(what="tick"))
    box.send(1, 3)
    box.session += 1
    (ack,) = box.say("online")
    assert (ack["epoch"], ack["upto"], ack["missing"]) == (box.epoch, 1, [[2, 2]])


def test_a_birth_that_was_only_retained_is_answered_too(box: VillageBox) -> None:
    assert [ack["upto"] for ack in box.say("online", retained=True)] == [0]
    assert box.say("offline") == []


# --- what is not let in --------------------------------------------------------------------------


def spoil(centre: Centre, box: VillageBox) -> None:
    """Someone else's key."""
    box.key = b"x" * 32
    box.write(BoxEvent(what="tick"))
    box.send(1)


def leave(centre: Centre, box: VillageBox) -> None:
    with centre.store.write() as transaction:
        revoke(transaction, box.id)
    box.write(BoxEvent(what="tick"))
    box.send(1)


def pretend(centre: Centre, box: VillageBox) -> None:
    """An entry of b1 on the topic of b2."""
    other = centre.box("b2")
    box.write(BoxEvent(what="tick"))
    other.raw(b"[" + box.log[1] + b"]")


def raw(payload: bytes, kind: TopicClass = TopicClass.LOG) -> Callable[[Centre, VillageBox], None]:
    def send(centre: Centre, box: VillageBox) -> None:
        box.raw(payload, kind=kind)

    return send


def on(topic: str) -> Callable[[Centre, VillageBox], None]:
    def send(centre: Centre, box: VillageBox) -> None:
        assert centre.receiver.receive(topic, b"{}") == []

    return send


def newer(centre: Centre, box: VillageBox) -> None:
    box.write(BoxEvent(what="tick"))
    fields = json.loads(box.log[1])
    fields["type"] = "outpost.box.event.v9"
    fields["mac"] = mac_of(box.key, canonical(fields))
    box.raw(json.dumps([fields]).encode())


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        pytest.param(spoil, "mac", id="wrong key"),
        pytest.param(leave, "foreign", id="revoked box"),
        pytest.param(pretend, "foreign", id="another box's entry"),
        pytest.param(raw(b"[" + b" " * 70_000), "oversize", id="oversized"),
        pytest.param(raw(b"[{]"), "json", id="not JSON"),
        pytest.param(raw(b"\xff\xfe"), "json", id="not UTF-8"),
        pytest.param(raw(b"[" * 30_000), "json", id="nested without end"),
        pytest.param(raw(b"[]"), "json", id="empty batch"),
        pytest.param(raw(b'[{"source":"/box/b1","face":1}]'), "identity", id="a face"),
        pytest.param(raw(b'{"source":"/box/b1"}', TopicClass.NOW), "type", id="no type"),
        pytest.param(
            raw(b'{"source":"/box/b1","type":"outpost.now.v1"}', TopicClass.NOW),
            "schema",
            id="fields missing",
        ),
        pytest.param(newer, "version", id="newer version"),
        pytest.param(on("op/v1/nobody/up/log"), "foreign", id="unknown box"),
        pytest.param(on("op/v1/b1/up/else"), "topic", id="unknown class"),
        pytest.param(on("op/v1//up/log"), "topic", id="empty segment"),
        pytest.param(on("op/v1/b1/dn/ack"), "topic", id="downward topic"),
    ],
)
def test_what_must_not_be_let_in_is_counted_noted_and_stored_nowhere(
    centre: Centre, box: VillageBox, attack: Callable[[Centre, VillageBox], None], reason: str
) -> None:
    before = refused(reason)
    attack(centre, box)
    centre.receiver.flush()
    assert refused(reason) == before + 1
    assert [row["refusal"] for row in centre.rows("anomaly")] == [reason]
    assert centre.rows("entry") == []
    assert centre.rows("device") == []


def test_one_bad_entry_does_not_hold_up_its_neighbours(centre: Centre, box: VillageBox) -> None:
    box.write(BoxEvent(what="tick"))
    box.write(BoxEvent(what="tick"))
    broken = box.log[2].replace(b"tick", b"tock")
    (ack,) = box.raw(b"[" + box.log[1] + b"," + broken + b"]")
    assert (ack["upto"], ack["refused"]) == (1, [[2, "mac"]])


def test_a_batch_of_nothing_but_bad_entries_is_answered_and_is_no_sign_of_life(
    centre: Centre, box: VillageBox
) -> None:
    box.write(BoxEvent(what="tick"))
    (ack,) = box.raw(b"[" + box.log[1].replace(b"tick", b"tock") + b"]")
    assert (ack["upto"], ack["refused"]) == (0, [[1, "mac"]])
    assert not centre.row("box")["online"]


def test_a_flood_of_refusals_stays_bounded(centre: Centre, box: VillageBox) -> None:
    for number in range(3000):
        centre.receiver.receive(f"op/v1/intruder-{number}/up/log", b"[]")
    centre.receiver.flush()
    rows = centre.rows("anomaly")
    assert len(rows) <= anomalies.KEPT_EACH
    assert sum(row["count"] for row in rows if row["what"] == "(more)") == 2800


def test_control_characters_stop_nothing(centre: Centre, box: VillageBox) -> None:
    box.health("cam1", Rung.UNREACHABLE, "unreachable", detail="power\u0000cut\u001b[31m")
    (ack,) = box.send(1)
    assert ack["upto"] == 1
    assert centre.row("device")["detail"].isprintable()
    assert centre.row("device")["verdict"] == "down"


def test_a_heartbeat_of_a_box_nobody_registered_is_no_sign_of_life(centre: Centre) -> None:
    stranger = VillageBox(centre, "b9", b"k" * 32)
    stranger.beat()
    centre.receiver.flush()
    assert centre.rows("box") == []
    assert centre.row("anomaly")["refusal"] == "foreign"


def test_topics_are_made_of_ids(box: VillageBox) -> None:
    assert topic_of(box.id, TopicClass.LOG) == "op/v1/b1/up/log"
