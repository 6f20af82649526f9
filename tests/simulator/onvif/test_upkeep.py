"""Accounts, network names, log, backup, restore and firmware: read by a strict client, for every make."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from requests.auth import HTTPDigestAuth
from zeep.exceptions import Fault

from simulator.device import images
from tests.simulator.onvif.test_services import BINDINGS, _client
from tests.support.virtual_county import RunningCounty, entry, running

PASSWORD = "pass-word-1"


@pytest.fixture
def county() -> Iterator[RunningCounty]:
    with running(entry("cam", auth="none")) as started:
        yield started


def service(county: RunningCounty) -> Any:
    wsdl, namespace, binding = BINDINGS["device"]
    client = copy.copy(_client(wsdl))
    return client.create_service(f"{{{namespace}}}{binding}", county.url())


def test_accounts_are_made_changed_and_deleted(county: RunningCounty) -> None:
    device = service(county)
    user = {"Username": "outpost", "Password": "abcdefgh", "UserLevel": "Operator"}
    device.CreateUsers(User=[user])
    assert [(one.Username, one.UserLevel) for one in device.GetUsers()] == [
        ("admin", "Administrator"),
        ("outpost", "Operator"),
    ]
    device.SetUser(User=[{**user, "Password": "hgfedcba"}])
    assert county.device().users.all()[1].password == "hgfedcba"
    device.DeleteUsers(Username=["outpost"])
    assert len(device.GetUsers()) == 1


@pytest.mark.parametrize(
    ("user", "word"),
    [
        ({"Username": "a", "Password": "x" * 17, "UserLevel": "User"}, "PasswordTooLong"),
        ({"Username": "a", "Password": "short", "UserLevel": "User"}, "PasswordTooWeak"),
        ({"Username": "admin", "Password": "abcdefgh", "UserLevel": "User"}, "UsernameClash"),
    ],
)
def test_an_account_outside_the_rules_is_refused(
    county: RunningCounty, user: dict[str, str], word: str
) -> None:
    with pytest.raises(Fault) as caught:
        service(county).CreateUsers(User=[user])
    assert any(word in str(code) for code in caught.value.subcodes)


def test_the_last_administrator_stays(county: RunningCounty) -> None:
    with pytest.raises(Fault):
        service(county).DeleteUsers(Username=["admin"])
    with pytest.raises(Fault):
        service(county).SetUser(User=[{"Username": "admin", "UserLevel": "User"}])


def test_protocols_and_name_are_set_and_read_back(county: RunningCounty) -> None:
    device = service(county)
    device.SetHostname(Name="east-gate")
    assert device.GetHostname().Name == "east-gate"
    device.SetNetworkProtocols(NetworkProtocols=[{"Name": "RTSP", "Enabled": False, "Port": 8554}])
    told = {one.Name: (one.Enabled, one.Port) for one in device.GetNetworkProtocols()}
    assert told["RTSP"] == (False, [8554])


def test_a_firmware_is_taken_by_its_model_alone(county: RunningCounty) -> None:
    uri = service(county).StartFirmwareUpgrade().UploadUri
    model = county.device().identity.model
    assert requests.post(uri, data=images.firmware("other", "9.9"), timeout=5).status_code == 415
    assert requests.post(uri, data=images.firmware(model, "9.9"), timeout=5).status_code == 200
    assert county.device().identity.firmware == "9.9"


def test_what_was_backed_up_is_put_back(county: RunningCounty) -> None:
    device = service(county)
    backup = requests.get(device.GetSystemUris().SystemBackupUri, timeout=5).content
    device.SetHostname(Name="changed")
    uri = device.StartSystemRestore().UploadUri
    assert requests.post(uri, data=backup, timeout=5).status_code == 200
    assert county.device().hostname == "cam"


def test_downloads_ask_for_the_log_in() -> None:
    with running(entry("cam", auth="digest")) as county:
        url = county.url(path="/system/log")
        assert requests.get(url, timeout=5).status_code == 401
        assert requests.get(url, auth=HTTPDigestAuth("admin", PASSWORD), timeout=5).status_code == 200


def test_an_old_make_sends_its_backup_as_an_attachment() -> None:
    with running(entry("cam", auth="none", personality="old-hik-like")) as county:
        body = (
            '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><GetSystemBackup '
            'xmlns="http://www.onvif.org/ver10/device/wsdl"/></s:Body></s:Envelope>'
        )
        answer = requests.post(county.url(), data=body, timeout=5)
        assert answer.headers["Content-Type"].startswith("multipart/related")
        assert images.BACKUP in answer.content


def test_writes_can_lose_their_answer_before_and_after(county: RunningCounty) -> None:
    device = service(county)
    county.switch(drop_before_write=True)
    with pytest.raises(requests.ConnectionError):
        device.SetHostname(Name="new-name")
    assert county.device().hostname == "cam"
    county.switch(drop_before_write=False, drop_after_write=True)
    with pytest.raises(requests.ConnectionError):
        device.SetHostname(Name="new-name")
    assert county.device().hostname == "new-name"
