"""Webhook subscriptions over the API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.db.transaction import Store
from controller.domain.roles import Role
from controller.domain.targets import Target
from controller.feed.sender import Deliverer, SenderSettings
from runtime.clock import ManualClock
from tests.support import doors
from tests.support.receiver import Receiver, Reply, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def door(
    store: Store, county: dict[str, str], clock: ManualClock, tmp_path: Path, receiver: Receiver
) -> Iterator[doors.Door]:
    targets = (Target("127.0.0.1", receiver.port),)
    app = doors.web_on(store, tmp_path / "evidence", clock=clock, targets=targets)
    with doors.opened(app) as opened:
        yield opened


def test_the_secret_is_shown_once(door: doors.Door, receiver: Receiver) -> None:
    with door.person(Role.COUNTY_IT) as client:
        made = client.post("/v1/subscriptions", json={"title": "110", "url": receiver.url})
        assert made.status_code == 201
        assert made.json()["secret"].startswith("whsec_")
        one = client.get(f"/v1/subscriptions/{made.json()['id']}")
        assert made.json()["secret"] not in one.text + client.get("/v1/subscriptions").text
        assert "secret" not in one.json()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "https://169.254.169.254/latest", "http://localhost/"]
)
def test_a_target_that_is_not_listed_is_refused(door: doors.Door, url: str) -> None:
    with door.person(Role.COUNTY_IT) as client:
        answer = client.post("/v1/subscriptions", json={"title": "x", "url": url})
    assert (answer.status_code, answer.json()["code"]) == (422, "target_refused")


def test_it_is_changed_under_its_version_and_removed(door: doors.Door, receiver: Receiver) -> None:
    with door.person(Role.COUNTY_IT) as client:
        url = (
            "/v1/subscriptions/"
            + client.post("/v1/subscriptions", json={"title": "110", "url": receiver.url}).json()["id"]
        )
        assert client.patch(url, json={"active": False}).status_code == 428
        off = client.patch(url, json={"active": False}, headers={"if-match": '"1"'}).json()
        assert (off["state"], off["version"]) == ("disabled", 2)
        assert client.patch(url, json={"title": "x"}, headers={"if-match": '"1"'}).status_code == 412
        on = client.patch(url, json={"active": True, "types": []}, headers={"if-match": '"2"'}).json()
        assert (on["state"], on["failures"]) == ("active", 0)
        bad = client.patch(url, json={"url": "http://10.0.0.1/"}, headers={"if-match": '"3"'})
        assert bad.json()["code"] == "target_refused"
        assert client.delete(url).status_code == 204
        assert client.get(url).status_code == 404


def test_a_test_delivery_says_what_came_back(door: doors.Door, receiver: Receiver) -> None:
    with door.person(Role.COUNTY_IT) as client:
        made = client.post("/v1/subscriptions", json={"title": "110", "url": receiver.url}).json()
        assert client.post(f"/v1/subscriptions/{made['id']}/test").json() == {
            "delivered": True,
            "status": 204,
            "detail": "",
        }
        receiver.choose = lambda _got: Reply(500)
        answer = client.post(f"/v1/subscriptions/{made['id']}/test").json()
    assert (answer["delivered"], answer["status"]) == (False, 500)
    assert receiver.got[0].event["type"] == "outpost.test.v1"


def test_dead_letters_are_seen_and_tried_again(
    door: doors.Door, receiver: Receiver, clock: ManualClock
) -> None:
    receiver.choose = lambda _got: Reply(422)
    with door.person(Role.COUNTY_IT) as client:
        body = {"title": "110", "url": receiver.url, "categories": ["20"], "from_start": True}
        made = client.post("/v1/subscriptions", json=body).json()
        url = f"/v1/subscriptions/{made['id']}"
        settings = SenderSettings((Target("127.0.0.1", receiver.port),), schedule_s=(1.0,))
        deliverer = Deliverer(door.rooms.store, clock, settings, made["id"])
        try:
            while client.get(url).json()["deliveries"].get("dead") != 1:
                deliverer.step()
                clock.advance(2)
            dead = client.get(f"{url}/deliveries", params={"state": "dead"}).json()["items"]
            assert (dead[0]["attempts"], dead[0]["status"]) == (2, 422)
            receiver.choose = lambda _got: Reply()
            assert client.post(f"{url}/deliveries/{dead[0]['position']}/retry").status_code == 202
            assert client.post(f"{url}/deliveries/{dead[0]['position']}/retry").status_code == 404
            deliverer.step()
            assert client.get(url).json()["deliveries"] == {"delivered": 1}
        finally:
            deliverer.close()
