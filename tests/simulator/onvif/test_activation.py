"""A device without a password yet: everything is refused but its own page, which takes the first one."""

from __future__ import annotations

import pytest
import requests

from tests.support.onvif_client import ask, token
from tests.support.virtual_county import RunningCounty, entry, running

FIRST = "Village-First-1"


def given(county: RunningCounty, password: str) -> int:
    url = county.url(path="/activation")
    return requests.post(url, data={"password": password}, timeout=10).status_code


@pytest.mark.parametrize(
    "operation", ["GetSystemDateAndTime", "GetDeviceInformation", "SystemReboot", "GetUsers"]
)
def test_every_operation_is_refused_in_its_own_words(operation: str) -> None:
    with running(entry(activated=False)) as county:
        answer = ask(county.url(), operation)
        assert (answer.status, answer.fault) == (403, "Sender/NotAuthorized")
        assert answer.text("Text") == "The device is not activated"
        assert requests.get(county.url(path="/onvif/snapshot"), timeout=10).status_code == 403
        assert county.device().counters["auth_wrong_password"] == 0


def test_its_page_takes_a_strong_password_once_and_opens_everything() -> None:
    with running(entry(activated=False)) as county:
        page = requests.get(county.url(path="/"), timeout=10)
        assert page.status_code == 200
        assert "Activation" in page.text
        assert [given(county, weak) for weak in ("", "short-1", "12345678", "x" * 40)] == [400] * 4
        assert given(county, FIRST) == 200
        assert ask(county.url(), "GetDeviceInformation", header=token(password=FIRST)).status == 200
        assert ask(county.url(), "GetDeviceInformation").status in (400, 401)
        assert given(county, "Another-One-2") != 200


def test_an_activated_device_has_no_such_page() -> None:
    with running(entry()) as county:
        assert requests.get(county.url(path="/activation"), timeout=10).status_code == 404
        assert given(county, FIRST) == 404
