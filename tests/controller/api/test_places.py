"""A town sees its own villages: another town's id does not exist, in every list and every single thing."""

from __future__ import annotations

import pytest

from controller.domain.roles import Role
from controller.services.sign_in import Grant
from tests.support import doors


def test_a_town_sees_its_subtree_and_nothing_else(door: doors.Door) -> None:
    with door.person(Role.TOWN) as client:
        assert [box["id"] for box in client.get("/v1/boxes").json()["items"]] == ["b1"]
        assert {item["box_id"] for item in client.get("/v1/devices").json()["items"]} == {"b1"}
        assert {item["box_id"] for item in client.get("/v1/incidents").json()["items"]} == {"b1"}
        summary = client.get("/v1/summary").json()
    assert (summary["boxes"], summary["devices"], summary["incidents_open"]) == (1, 8, 3)


@pytest.mark.parametrize("kind", ["boxes", "devices", "incidents"])
def test_another_towns_id_is_not_found(door: doors.Door, county: dict[str, str], kind: str) -> None:
    identity = {"boxes": "b2", "devices": "b2-02", "incidents": county["b2-02"]}[kind]
    with door.person(Role.TOWN) as client:
        answer = client.get(f"/v1/{kind}/{identity}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    with door.person(Role.COUNTY_DUTY) as client:
        assert client.get(f"/v1/{kind}/{identity}").status_code == 200


def test_another_towns_incident_cannot_be_acted_on(door: doors.Door, county: dict[str, str]) -> None:
    with door.person(Role.TOWN) as client:
        url = f"/v1/incidents/{county['b2-02']}/actions/sign"
        assert client.post(url, json={}, headers={"if-match": '"2"'}).status_code == 404
        history = client.get(f"/v1/incidents/{county['b2-02']}/history")
        assert history.status_code == 404


def test_a_contractor_sees_maintenance_only(door: doors.Door, county: dict[str, str]) -> None:
    with door.person(Role.CONTRACTOR) as client:
        found = client.get("/v1/incidents").json()["items"]
        assert found
        assert all(item["category"].startswith("10") for item in found)
        assert client.get(f"/v1/incidents/{county['gate']}").status_code == 404


def test_a_client_for_public_order_sees_no_device_health(door: doors.Door) -> None:
    token = door.rooms.sign_in.add_client("c110", Grant(Role.API_CLIENT, "610522", ("20",)), actor="test")
    with door.program(token) as client:
        assert [item["category"] for item in client.get("/v1/incidents").json()["items"]] == ["2001"]
        assert client.get("/v1/devices").json()["items"] == []
        assert client.get("/v1/boxes").json()["items"] == []
        entries = client.get("/v1/feed").json()["entries"]
    assert [entry["data"]["category"] for entry in entries] == ["2001"]


@pytest.mark.parametrize("wildcard", ["%", "_", "6105221%"])
def test_a_wildcard_in_a_place_is_only_a_character(door: doors.Door, wildcard: str) -> None:
    token = door.rooms.sign_in.add_client("wild", Grant(Role.API_CLIENT, wildcard), actor="test")
    with door.program(token) as client:
        assert client.get("/v1/boxes").json()["items"] == []


def test_every_tile_equals_the_list_behind_it(door: doors.Door) -> None:
    for role in (Role.COUNTY_DUTY, Role.TOWN, Role.VILLAGE, Role.CONTRACTOR):
        with door.person(role) as client:
            summary = client.get("/v1/summary").json()
            assert summary["boxes"] == len(client.get("/v1/boxes").json()["items"])
            online = client.get("/v1/boxes", params={"online": True}).json()["items"]
            assert summary["boxes_online"] == len(online)
            for verdict, count in summary["by_verdict"].items():
                listed = client.get("/v1/devices", params={"verdict": verdict}).json()["items"]
                assert count == len(listed), (role, verdict)
            opened = client.get("/v1/incidents", params={"open": True}).json()["items"]
            assert summary["incidents_open"] == len(opened)


def test_pages_neither_repeat_nor_skip(door: doors.Door) -> None:
    with door.person(Role.COUNTY_DUTY) as client:
        for kind in ("boxes", "devices", "incidents"):
            whole = [item["id"] for item in client.get(f"/v1/{kind}", params={"limit": 500}).json()["items"]]
            pieced: list[str] = []
            url: str | None = f"/v1/{kind}?limit=2"
            while url is not None:
                answer = client.get(url)
                pieced += [item["id"] for item in answer.json()["items"]]
                url = answer.links["next"]["url"] if "next" in answer.links else None
            assert pieced == whole


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=501", "input_invalid"),
        ("limit=0", "input_invalid"),
        ("cursor=%25%25", "cursor_invalid"),
        ("cursor=aW5jaWRlbnRzOjE", "cursor_invalid"),
    ],
)
def test_a_page_has_a_cap_and_a_cursor_is_its_own_lists(door: doors.Door, query: str, code: str) -> None:
    with door.person(Role.COUNTY_DUTY) as client:
        answer = client.get(f"/v1/devices?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_device_shows_its_intervals_without_a_hole(door: doors.Door) -> None:
    with door.person(Role.COUNTY_DUTY) as client:
        file = client.get("/v1/devices/b1-01").json()
    now, before = file["intervals"]
    assert (now["verdict"], now["reason"], now["to_at"]) == ("degraded", "picture_covered", None)
    assert now["from_at"] == before["to_at"]
    assert now["from_at"].endswith("Z")


def test_no_box_key_ever_leaves(door: doors.Door) -> None:
    with door.person(Role.COUNTY_IT) as client:
        text = client.get("/v1/boxes").text + client.get("/v1/boxes/b1").text
    assert "mac_key" not in text
