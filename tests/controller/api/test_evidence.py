"""Stills: signed by the box, bound by their hash, stored once, every view in the audit log."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select, update

from controller.db import audit, tables
from controller.domain.roles import Role
from runtime.clock import ManualClock
from tests.support import doors

SHA = hashlib.sha256(doors.JPEG).hexdigest()


def put(
    door: doors.Door,
    *,
    box: str = "b1",
    body: bytes = doors.JPEG,
    name: str | None = None,
    headers: dict[str, str] | None = None,
    query: str = "device=b1-01&taken_at=2025-11-23T01:05:00Z",
) -> httpx.Response:
    path = f"/v1/boxes/{box}/evidence/{name or hashlib.sha256(body).hexdigest()}"
    signed = doors.sign_upload(path, query, body) if headers is None else headers
    with httpx.Client(base_url=door.url, trust_env=False, verify=False) as client:
        return client.put(f"{path}?{query}", content=body, headers=signed)


def test_a_still_is_stored_once_and_seen_by_those_it_concerns(door: doors.Door, tmp_path: Path) -> None:
    first, again = put(door), put(door)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {"sha256": SHA, "bytes": len(doors.JPEG), "fresh": False}
    assert (tmp_path / "evidence" / SHA[:2] / SHA[2:]).read_bytes() == doors.JPEG
    with door.person(Role.VILLAGE) as client:
        answer = client.get(f"/v1/evidence/{SHA}", params={"purpose": "核查遮挡"})
    assert answer.content == doors.JPEG
    assert answer.headers["content-type"] == "image/jpeg"
    assert "sandbox" in answer.headers["content-security-policy"]
    with door.rooms.store.read() as connection:
        row, _ = audit.find(connection, before=None, limit=1)[0]
    assert (row.actor, row.action, row.subject) == ("account:village", "evidence_viewed", f"evidence:{SHA}")
    assert "核查遮挡" in row.detail


def test_a_still_becomes_the_last_picture_of_its_boxs_own_device_only(door: doors.Door) -> None:
    def last(device_id: str) -> str | None:
        device = tables.device
        with door.rooms.store.read() as connection:
            query = select(device.c.last_evidence).where(device.c.id == device_id)
            found: str | None = connection.execute(query).scalar_one()
        return found

    foreign_before = last("b2-01")
    assert put(door, query="device=b1-01").status_code == 201
    assert last("b1-01") == SHA
    assert put(door, query="device=b2-01").status_code == 200
    assert last("b2-01") == foreign_before != SHA


def test_another_place_does_not_see_it_and_a_device_showing_the_same_picture_does(door: doors.Door) -> None:
    body = doors.JPEG
    assert put(door, box="b2", body=body, query="device=b2-01").status_code == 201
    with door.person(Role.TOWN) as client:
        assert client.get(f"/v1/evidence/{SHA}").status_code == 404
        with door.rooms.store.write() as transaction:
            device = tables.device
            transaction.connection.execute(
                update(device).where(device.c.id == "b1-01").values(last_evidence=SHA)
            )
        assert client.get(f"/v1/evidence/{SHA}").status_code == 200


def test_only_the_boxs_own_key_signs(door: doors.Door) -> None:
    path, query = f"/v1/boxes/b1/evidence/{SHA}", "device=b1-01"
    cases = {
        "another key": doors.sign_upload(path, query, doors.JPEG, key=b"x" * 32),
        "another device": doors.sign_upload(path, "device=b1-02", doors.JPEG),
        "another box": doors.sign_upload(path.replace("b1", "b2"), query, doors.JPEG),
        "no signature": {"content-type": "image/jpeg"},
        "a bearer": {"authorization": "Bearer x"},
        "half a signature": {"authorization": "Outpost-Box ts=1, mac="},
    }
    for name, headers in cases.items():
        answer = put(door, headers=headers, query=query)
        assert (answer.status_code, answer.json()["code"]) == (403, "mac_wrong"), name


def test_an_unknown_or_revoked_box_is_refused(door: doors.Door) -> None:
    assert put(door, box="b9").json()["code"] == "box_refused"
    with door.rooms.store.write() as transaction:
        transaction.connection.execute(update(tables.box).values(revoked=True))
    answer = put(door)
    assert (answer.status_code, answer.json()["code"]) == (403, "box_refused")


def test_the_name_binds_the_content(door: doors.Door) -> None:
    other = doors.JPEG[:-2] + b"\x00\xff\xd9"
    path, query = f"/v1/boxes/b1/evidence/{SHA}", "device=b1-01"
    answer = put(door, name=SHA, body=other, headers=doors.sign_upload(path, query, doors.JPEG), query=query)
    assert (answer.status_code, answer.json()["code"]) == (422, "hash_mismatch")


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xd8\xff\xe0 half a picture", b"GIF89a"])
def test_only_whole_jpegs_come_in(door: doors.Door, body: bytes) -> None:
    answer = put(door, body=body)
    assert (answer.status_code, answer.json()["code"]) == (415, "media_type")


def test_a_still_has_a_size_limit(door: doors.Door) -> None:
    body = doors.JPEG[:-2] + b"\x00" * 524_288 + b"\xff\xd9"
    answer = put(door, body=body)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def box(kind: bytes, content: bytes = b"") -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def clip(size: int = 100, *, handler: bytes = b"vide") -> bytes:
    header = box(b"moov", b"....hdlr........" + handler)
    return box(b"ftyp", b"iso5") + header + box(b"moof") + box(b"mdat", b"x" * size) + box(b"mfra")


def test_a_clip_is_stored_and_seen_as_what_it_is_and_is_nobodys_last_picture(door: doors.Door) -> None:
    assert put(door).status_code == 201
    body = clip(2 * 1024 * 1024)
    assert (put(door, body=body).status_code, put(door, body=body).status_code) == (201, 200)
    with door.person(Role.VILLAGE) as client:
        answer = client.get(f"/v1/evidence/{hashlib.sha256(body).hexdigest()}")
    assert (answer.headers["content-type"], answer.content) == ("video/mp4", body)
    with door.rooms.store.read() as connection:
        query = select(tables.device.c.last_evidence).where(tables.device.c.id == "b1-01")
        assert connection.execute(query).scalar_one() == SHA


@pytest.mark.parametrize(
    "body",
    [
        clip()[:-1],
        clip() + b"\0",
        clip(handler=b"soun"),
        clip(handler=b"text"),
        clip() + box(b"uuid", b"anything"),
        box(b"moov", b"vide"),
        box(b"ftyp") + box(b"moov", b"vide") * 2,
        (2**31).to_bytes(4, "big") + b"ftyp",
        b"\0\0\0\0ftyp",
    ],
)
def test_only_whole_clips_without_sound_come_in(door: doors.Door, body: bytes) -> None:
    answer = put(door, body=body)
    assert (answer.status_code, answer.json()["code"]) == (415, "media_type")


@pytest.mark.parametrize("size", [4 * 1024 * 1024, 8 * 1024 * 1024])
def test_a_clip_has_a_size_limit(door: doors.Door, size: int) -> None:
    answer = put(door, body=clip(size))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("taken_at", ["0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59-23:59"])
def test_a_time_beyond_the_calendar_is_refused_and_leaves_no_file(
    door: doors.Door, tmp_path: Path, taken_at: str
) -> None:
    answer = put(door, query=f"taken_at={taken_at}")
    assert (answer.status_code, answer.json()["code"]) == (422, "input_invalid")
    assert not (tmp_path / "evidence").exists()


@pytest.mark.parametrize("name", ["a" * 63, "A" * 64, "g" * 64, "..%2f..%2fetc%2fpasswd"])
def test_a_name_is_64_hexadecimal_digits(door: doors.Door, name: str) -> None:
    assert put(door, name=name).status_code in (404, 422)
    with door.person(Role.LEADER) as client:
        assert client.get(f"/v1/evidence/{name}").status_code in (404, 405)


def test_a_box_with_a_wrong_clock_is_counted_not_refused(door: doors.Door, clock: ManualClock) -> None:
    clock.jump(timedelta(days=300).total_seconds())
    assert put(door).status_code == 201


def test_what_is_past_its_time_is_deleted_with_its_file(
    door: doors.Door, clock: ManualClock, tmp_path: Path
) -> None:
    put(door)
    clock.advance(29 * 86400)
    assert door.rooms.evidence.purge() == 0
    clock.advance(2 * 86400)
    assert door.rooms.evidence.purge() == 1
    assert not (tmp_path / "evidence" / SHA[:2] / SHA[2:]).exists()
    with door.rooms.store.read() as connection:
        assert connection.execute(select(func.count()).select_from(tables.evidence)).scalar_one() == 0
