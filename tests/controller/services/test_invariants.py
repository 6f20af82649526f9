"""The check finds every kind of damage, and nothing in a healthy database."""

from __future__ import annotations

import pytest

from controller.db.transaction import Store
from controller.services.invariants import violations
from protocol.messages import Gap
from protocol.words import Rung
from tests.support.village import Centre


@pytest.fixture
def centre(store: Store) -> Centre:
    """A bit of everything: a fault, an intrusion, a declared loss, a box that is away."""
    centre = Centre(store)
    box, away = centre.box("b1"), centre.box("b2")
    for each in (box, away):
        each.come_online()
        each.health(f"{each.id}-cam", Rung.PICTURE_OK)
        each.send_all()
    centre.clock.advance(10)
    box.health("b1-cam", Rung.UNREACHABLE, "unreachable")
    box.scene("b1-cam")
    box.write(Gap(first=4, last=6, entries=3, reason="outbox_full"), sequence=6)
    box.send_all(after=1)
    away.beat()
    centre.pass_time(130, every_s=10, beating=[box])
    centre.assert_lawful()
    return centre


DAMAGE = [
    pytest.param(1, "UPDATE position SET highest = 1 WHERE box_id = 'b1'", id="position behind the log"),
    pytest.param(2, "DELETE FROM entry WHERE box_id = 'b1' AND sequence = 2", id="applied without an entry"),
    pytest.param(2, "UPDATE position SET upto = 1 WHERE box_id = 'b1'", id="stored and not applied"),
    pytest.param(3, "UPDATE device SET verdict = 'down' WHERE id = 'b2-cam'", id="known in the dark"),
    pytest.param(
        3,
        """UPDATE feed SET body = replace(body, '"online":true', '"online":false') WHERE box_id = 'b1'""",
        id="opened in the dark",
    ),
    pytest.param(4, "DELETE FROM interval WHERE subject_id = 'b1-cam' AND to_at IS NULL", id="none open"),
    pytest.param(4, "DELETE FROM interval WHERE subject_id = 'b1-cam'", id="no interval"),
    pytest.param(
        4,
        "UPDATE interval SET to_at = '2026-03-01 09:00:00' WHERE subject_id = 'b1-cam' AND to_at IS NOT NULL",
        id="overlap",
    ),
    pytest.param(
        4,
        "UPDATE interval SET to_at = '2026-03-01 08:00:01' WHERE subject_id = 'b1-cam' AND to_at IS NOT NULL",
        id="hole",
    ),
    pytest.param(4, "UPDATE device SET verdict = 'ok' WHERE id = 'b1-cam'", id="verdict without interval"),
    pytest.param(5, "UPDATE incident SET state = 'CLOSED'", id="state without history"),
    pytest.param(5, "DELETE FROM incident_history WHERE number = 1", id="history row lost"),
    pytest.param(
        5, "UPDATE incident_history SET action = 'close' WHERE number = 2", id="step not in the table"
    ),
    pytest.param(
        5, "UPDATE feed SET incident_id = NULL WHERE type = 'outpost.incident.opened.v1'", id="step not told"
    ),
    pytest.param(6, "DELETE FROM feed WHERE position = 3", id="hole in the feed"),
    pytest.param(6, "UPDATE feed_head SET position = position + 1", id="head ahead of the feed"),
]


@pytest.mark.parametrize(("invariant", "damage"), DAMAGE)
def test_damage_is_found_and_named(centre: Centre, invariant: int, damage: str) -> None:
    with centre.store.write() as transaction:
        transaction.connection.exec_driver_sql(damage)
    assert invariant in {violation.invariant for violation in violations(centre.store)}


def test_an_empty_database_is_lawful(store: Store) -> None:
    assert violations(store) == []


def test_a_violation_says_who_and_what(centre: Centre) -> None:
    with centre.store.write() as transaction:
        transaction.connection.exec_driver_sql("DELETE FROM entry WHERE box_id = 'b1' AND sequence = 2")
    (found,) = violations(centre.store)
    assert str(found) == ("invariant=2 subject=box b1 epoch 00112233445566aa applied up to 6 without 2 to 2")
