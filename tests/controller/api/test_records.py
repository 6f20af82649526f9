"""The audit log in the database, and what was refused at the door."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from controller.db import audit, tables
from controller.domain.chain import first_break
from controller.domain.roles import Role
from tests.support import doors

ATTACKS = {
    "change": "UPDATE audit SET actor = 'account:nobody' WHERE number = 2",
    "remove": "DELETE FROM audit WHERE number = 2",
    "truncate": "DELETE FROM audit WHERE number >= 3",
}


def write_rows(door: doors.Door, count: int) -> None:
    with door.rooms.store.write() as transaction:
        for number in range(count):
            audit.append(
                transaction.connection, at=doors.NOON, actor="account:x", action="test", subject=str(number)
            )


def test_the_chain_of_a_used_system_holds(door: doors.Door) -> None:
    write_rows(door, 5)
    with door.person(Role.AUDITOR) as client:
        check = client.get("/v1/audit/check").json()
        rows = client.get("/v1/audit").json()["items"]
    assert check["holds"] is True
    assert rows[0]["action"] == "sign_in"
    assert [row["number"] for row in rows] == sorted((row["number"] for row in rows), reverse=True)


@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_the_database_itself_refuses_to_change_the_log(door: doors.Door, attack: str) -> None:
    write_rows(door, 5)
    with pytest.raises(DBAPIError, match="only added to"), door.rooms.store.write() as transaction:
        transaction.connection.execute(text(ATTACKS[attack]))


@pytest.mark.parametrize(("attack", "bad"), [("change", 2), ("remove", 2), ("truncate", 3)])
def test_who_gets_round_that_is_found_by_the_chain(door: doors.Door, attack: str, bad: int) -> None:
    write_rows(door, 5)
    engine = door.rooms.store.engine
    off = (
        ["ALTER TABLE audit DISABLE TRIGGER audit_append_only"]
        if engine.dialect.name == "postgresql"
        else ["DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete"]
    )
    with door.rooms.store.write() as transaction:
        for statement in (*off, ATTACKS[attack]):
            transaction.connection.execute(text(statement))
    with door.rooms.store.read() as connection:
        head = audit.head(connection)
        broken = first_break(audit.walk(connection, upto=head[0]), head=head)
    assert broken is not None
    assert broken.number == bad


def test_an_action_whose_audit_row_cannot_be_written_does_not_happen(
    door: doors.Door, county: dict[str, str]
) -> None:
    with door.rooms.store.write() as transaction:
        transaction.connection.execute(text("ALTER TABLE audit RENAME TO audit_gone"))
    with door.rooms.store.read() as connection:
        before = connection.execute(text("SELECT count(*) FROM incident_history")).scalar_one()
    from controller.domain.roles import Caller, Scope
    from controller.services.acting import Order

    duty = Caller(Role.COUNTY_DUTY, "account:duty", Scope())
    with pytest.raises(DBAPIError):
        door.rooms.acting.act(Order(county["gate"], "accept", 1), duty)
    with door.rooms.store.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM incident_history")).scalar_one() == before


def test_anomalies_are_listed_newest_first(door: doors.Door) -> None:
    with door.rooms.store.write() as transaction:
        for what in ("first", "second"):
            transaction.connection.execute(
                insert(tables.anomaly).values(
                    box_id="b1", at=doors.NOON, first_at=doors.NOON, refusal="mac", what=what, count=3
                )
            )
    with door.person(Role.COUNTY_IT) as client:
        items = client.get("/v1/anomalies").json()["items"]
    assert [item["what"] for item in items] == ["second", "first"]
    assert items[0]["count"] == 3
