"""Actions over the API: version, table, role, repeat; each leaves history, feed and audit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from controller.db import audit
from controller.domain.roles import Role
from tests.support import doors


def act(
    client: httpx.Client,
    incident: str,
    action: str,
    version: int | None,
    *,
    key: str | None = None,
    **body: str,
) -> httpx.Response:
    headers = {} if version is None else {"if-match": f'"{version}"'}
    if key is not None:
        headers["idempotency-key"] = key
    return client.post(f"/v1/incidents/{incident}/actions/{action}", json=body, headers=headers)


def history_of(client: httpx.Client, incident: str) -> list[dict[str, Any]]:
    items = client.get(f"/v1/incidents/{incident}/history").json()["items"]
    assert isinstance(items, list)
    return items


def test_the_whole_loop_by_those_who_may(door: doors.Door, county: dict[str, str]) -> None:
    steps: tuple[tuple[Role, str, dict[str, str], str], ...] = (
        (Role.COUNTY_DUTY, "accept", {}, "ACCEPTED"),
        (Role.COUNTY_DUTY, "assign", {"unit": "四知村网格"}, "ASSIGNED"),
        (Role.VILLAGE, "sign", {}, "ACKED"),
        (Role.VILLAGE, "feed_back", {"text": "到现场查看，是村民取物"}, "FEEDBACK"),
        (Role.COUNTY_DUTY, "verify", {}, "VERIFIED"),
        (Role.TOWN, "evaluate", {"text": "满意"}, "EVALUATED"),
        (Role.COUNTY_DUTY, "close", {}, "CLOSED"),
    )
    version = 1
    for role, action, body, state in steps:
        with door.person(role) as client:
            seen = client.get(f"/v1/incidents/{county['gate']}").json()
            assert action in seen["actions"], (role, action)
            answer = act(client, county["gate"], action, version, **body)
            assert answer.status_code == 200, answer.text
            assert answer.json()["state"] == state
            version = answer.json()["version"]
            assert answer.headers["etag"] == f'"{version}"'
    with door.person(Role.COUNTY_DUTY) as client:
        rows = history_of(client, county["gate"])
        entries = client.get("/v1/feed", params={"limit": 500}).json()["entries"]
    assert [row["action"] for row in rows] == ["open", *(step[1] for step in steps)]
    about = [entry for entry in entries if entry["data"].get("incident") == county["gate"]]
    assert len(about) == len(rows), "each step has one history row and one feed entry"
    with door.rooms.store.read() as connection:
        written = [row.action for row, _ in audit.find(connection, before=None, limit=50)]
    assert [f"incident_{step[1]}" for step in reversed(steps)] == [
        action for action in written if action.startswith("incident_")
    ]


def test_what_the_table_does_not_know_is_refused_in_both_languages(
    door: doors.Door, county: dict[str, str]
) -> None:
    with door.person(Role.COUNTY_DUTY) as client:
        answer = act(client, county["gate"], "close", 1)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (409, "illegal_transition")
        assert "待受理" in problem["detail"]
        assert problem["detail_en"]
        assert client.get(f"/v1/incidents/{county['gate']}").json()["version"] == 1
        assert act(client, county["gate"], "assign", 1).status_code == 409
        assert act(client, county["gate"], "explode", 1).json()["code"] == "input_invalid"


def test_a_role_takes_only_its_own_actions(door: doors.Door, county: dict[str, str]) -> None:
    with door.person(Role.VILLAGE) as client:
        answer = act(client, county["gate"], "accept", 1)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
        assert client.get(f"/v1/incidents/{county['gate']}").json()["actions"] == []


def test_who_has_not_seen_the_last_version_looks_again(door: doors.Door, county: dict[str, str]) -> None:
    with door.person(Role.COUNTY_DUTY) as client:
        assert act(client, county["gate"], "accept", None).json()["code"] == "version_required"
        assert act(client, county["gate"], "accept", 1).status_code == 200
        answer = act(client, county["gate"], "cancel", 1, text="重复")
        assert (answer.status_code, answer.json()["code"]) == (412, "version_stale")


def test_a_repeat_with_the_same_key_has_its_effect_once(door: doors.Door, county: dict[str, str]) -> None:
    with door.person(Role.COUNTY_DUTY) as client:
        first = act(client, county["gate"], "accept", 1, key="k1")
        again = act(client, county["gate"], "accept", 1, key="k1")
        assert (first.status_code, again.status_code) == (200, 200)
        assert again.json() == first.json()
        assert [row["action"] for row in history_of(client, county["gate"])] == ["open", "accept"]
        other = act(client, county["gate"], "reject", 1, key="k1", text="误报")
        assert (other.status_code, other.json()["code"]) == (409, "key_reused")
    with door.person(Role.COUNTY_IT) as client:
        assert act(client, county["gate"], "accept", 1, key="k1").status_code == 412, (
            "keys are each caller's own"
        )


def test_twelve_at_once_with_one_key_have_one_effect(door: doors.Door, county: dict[str, str]) -> None:
    with door.person(Role.COUNTY_DUTY) as client, ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: act(client, county["gate"], "accept", 1, key="once"), range(12)))
        assert {answer.status_code for answer in answers} == {200}
        assert [row["action"] for row in history_of(client, county["gate"])] == ["open", "accept"]


def test_twelve_at_once_without_a_key_win_once(door: doors.Door, county: dict[str, str]) -> None:
    with door.person(Role.COUNTY_DUTY) as client, ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: act(client, county["gate"], "accept", 1), range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 11


def test_an_incident_is_found_by_its_case_number(door: doors.Door, county: dict[str, str]) -> None:
    with door.person(Role.COUNTY_DUTY) as client:
        number = client.get(f"/v1/incidents/{county['gate']}").json()["case_no"]
        assert client.get(f"/v1/incidents/{number}").json()["id"] == county["gate"]


def test_incidents_are_filtered(door: doors.Door) -> None:
    with door.person(Role.COUNTY_DUTY) as client:

        def found(**query: str | int | bool) -> set[str]:
            return {item["category"] for item in client.get("/v1/incidents", params=query).json()["items"]}

        assert found(category="20") == {"2001"}
        assert found(level=2) == {"1001"}
        assert found(box="b3") == {"1001"}
        assert found(device="b1-01") == {"1005"}
        assert found(state="NEW") == {"2001"}
        assert found(open=False) == set()


def test_an_unknown_field_in_a_request_is_named(door: doors.Door, county: dict[str, str]) -> None:
    with door.person(Role.COUNTY_DUTY) as client:
        answer = act(client, county["gate"], "accept", 1, txt="x")
    assert answer.status_code == 422
    assert answer.json()["fields"][0]["where"] == "body.txt"
