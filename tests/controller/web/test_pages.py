"""The pages without a script: signing in, seeing, acting, in both languages, within one's place."""

from __future__ import annotations

import re

import httpx
import pytest

from controller.domain.roles import Role
from controller.web import pages
from tests.support import doors

PATHS = ("/", "/sites", "/sites/b1", "/sites/b3", "/devices/b1-01", "/incidents", "/incidents?show=all")


def test_who_is_not_signed_in_comes_back_to_where_he_was_going(door: doors.Door) -> None:
    with door.guest() as client:
        answer = client.get("/incidents?show=all")
        assert answer.headers["location"] == "/sign-in?to=/incidents%3Fshow%3Dall"
        form = {"login": "county-duty", "password": doors.PASSWORD, "to": "/incidents?show=all"}
        assert client.post("/sign-in", data=form).headers["location"] == "/incidents?show=all"
        assert client.get("/incidents?show=all").status_code == 200


@pytest.mark.parametrize(
    "to", ["https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)", "/\n"]
)
def test_a_link_never_leads_to_another_site(door: doors.Door, to: str) -> None:
    with door.guest() as client:
        form = {"login": "county-duty", "password": doors.PASSWORD, "to": to}
        assert client.post("/sign-in", data=form).headers["location"] == "/"
        assert client.get("/language/en", params={"to": to}).headers["location"] == "/"


def test_a_wrong_password_is_said_in_words(door: doors.Door) -> None:
    with door.guest() as client:
        answer = client.post("/sign-in", data={"login": "county-duty", "password": "x"})
        assert answer.status_code == 401
        assert "账号或口令不对" in answer.text
        client.get("/language/en")
        answer = client.post("/sign-in", data={"login": "county-duty", "password": "x"})
        assert "The login or the password is wrong" in answer.text


@pytest.mark.parametrize("role", [Role.COUNTY_DUTY, Role.LEADER, Role.TOWN, Role.CONTRACTOR])
def test_every_page_opens_in_both_languages_without_inline_code(door: doors.Door, role: Role) -> None:
    with door.person(role) as client:
        for language in ("zh", "en"):
            client.get(f"/language/{language}")
            for path in PATHS:
                answer = client.get(path)
                if answer.status_code == 404:
                    assert role is Role.TOWN
                    continue
                assert answer.status_code == 200, (path, answer.text[:300])
                assert not re.search(
                    r"<script(?![^>]*src=)|style=|onclick|javascript:|https?://", answer.text
                )
                assert f'lang="{"zh-CN" if language == "zh" else "en"}"' in answer.text


def test_a_device_says_what_is_wrong_what_to_do_and_since_when(door: doors.Door) -> None:
    with door.person(Role.COUNTY_DUTY) as client:
        text = client.get("/sites/b1").text
        for wanted in (
            "村委会门口",
            "▲",
            "异常",
            "镜头被遮挡",
            "到现场查看并清除遮挡",
            "2025-11-23 09:01:12",
            "4分",
        ):
            assert wanted in text
        dark = client.get("/sites/b3").text
        assert "边缘盒失联" in dark
        assert dark.count('class="tile v-unknown"') == 8


def test_a_person_acts_from_the_page_and_sees_it_in_the_timeline(
    door: doors.Door, county: dict[str, str]
) -> None:
    url = f"/incidents/{county['gate']}"
    with door.person(Role.COUNTY_DUTY) as client:
        assert re.findall(r'name="action" value="(\w+)"', client.get(url).text) == [
            "accept",
            "reject",
            "cancel",
        ]
        answer = client.post(f"{url}/act", data={"action": "accept", "version": "1"})
        assert (answer.status_code, answer.headers["location"]) == (303, url)
        text = client.get(url).text
        assert "已受理" in text
        assert "county-duty" in text


def test_a_refused_action_keeps_what_was_typed_and_says_why(door: doors.Door, county: dict[str, str]) -> None:
    url = f"/incidents/{county['gate']}"
    with door.person(Role.COUNTY_DUTY) as client:
        client.post(f"{url}/act", data={"action": "accept", "version": "1"})
        stale = client.post(
            f"{url}/act", data={"action": "assign", "version": "1", "unit": "某单位", "text": "快"}
        )
        assert stale.status_code == 412
        assert "已被他人修改" in stale.text
        assert "某单位" in stale.text
        empty = client.post(f"{url}/act", data={"action": "assign", "version": "2"})
        assert empty.status_code == 409
        assert "承办单位" in empty.text


def test_a_role_that_may_not_act_sees_no_button(door: doors.Door, county: dict[str, str]) -> None:
    with door.person(Role.LEADER) as client:
        assert 'name="action"' not in client.get(f"/incidents/{county['gate']}").text


def test_what_people_typed_is_never_code(door: doors.Door, county: dict[str, str]) -> None:
    url = f"/incidents/{county['gate']}"
    with door.person(Role.COUNTY_DUTY) as client:
        client.post(
            f"{url}/act", data={"action": "reject", "version": "1", "text": "<script>alert(1)</script>"}
        )
        text = client.get(url).text
    assert "&lt;script&gt;" in text
    assert "<script>alert" not in text


def test_another_site_cannot_post_a_form(door: doors.Door, county: dict[str, str]) -> None:
    with door.person(Role.COUNTY_DUTY) as client:
        headers = {"origin": "https://evil.test"}
        data = {"action": "accept", "version": "1"}
        answer = client.post(f"/incidents/{county['gate']}/act", data=data, headers=headers)
    assert answer.status_code == 403


def test_what_is_outside_ones_place_is_told_in_words(door: doors.Door) -> None:
    with door.person(Role.TOWN) as client:
        answer = client.get("/sites/b2")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "没有这一项" in answer.text


def test_an_auditor_is_told_that_operations_are_not_his(door: doors.Door) -> None:
    with door.person(Role.AUDITOR) as client:
        answer = client.get("/")
    assert answer.status_code == 403
    assert "权限" in answer.text


def test_the_first_load_stays_under_200_kb(door: doors.Door) -> None:
    def size(client: httpx.Client, path: str) -> int:
        return len(client.get(path).content)

    with door.person(Role.COUNTY_DUTY) as client:
        total = size(client, "/") + sum(size(client, f"/static/{name}") for name in pages._STATIC)
    assert total < 200_000, total


def test_the_page_learns_of_news(door: doors.Door) -> None:
    with door.person(Role.COUNTY_DUTY) as client:
        cursor = re.findall(r'data-live="([^"]+)"', client.get("/").text)[0]
        quiet = client.get("/live", params={"cursor": cursor, "wait_s": 0}).json()
        assert quiet == {"changed": False, "next": cursor}
        doors.intrude(door.rooms.store, "b2-01", at=doors.NOON)
        news = client.get("/live", params={"cursor": cursor, "wait_s": 0}).json()
        assert news["changed"] is True
    with door.person(Role.TOWN) as client:
        other = client.get("/live", params={"cursor": cursor, "wait_s": 0}).json()
        assert other["changed"] is False, "news of another town"
