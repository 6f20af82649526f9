"""Credentials over real HTTP: WS-UsernameToken and Digest are recomputed, clocks and replays count."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator

import pytest
import requests
from requests.auth import HTTPBasicAuth, HTTPDigestAuth

from tests.support.onvif_client import TRT, Answer, ask, token
from tests.support.virtual_county import JPEG, RunningCounty, entry, running

PASSWORD = "pass-word-1"


@pytest.fixture(scope="module")
def county() -> Iterator[RunningCounty]:
    """One device for each way of letting clients in."""
    with running(
        entry("wsse", auth="wsse"),
        entry("digest", auth="digest"),
        entry("both", auth="both"),
        entry("none", auth="none"),
        entry("locking", personality="reolink-like"),
        entry("basic", personality="tapo-like"),
    ) as started:
        yield started


@pytest.fixture(autouse=True)
def _no_faults(county: RunningCounty) -> Iterator[None]:
    yield
    for name, station in county.county.stations.items():
        county.switch(name, **station.device.faults.defaults())
        county.call(station.device.users.unlock)


def _information(county: RunningCounty, name: str, **how: object) -> Answer:
    return ask(county.url(name), "GetDeviceInformation", **how)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["wsse", "digest", "both", "none"])
def test_the_clock_is_told_without_credentials(county: RunningCounty, name: str) -> None:
    assert ask(county.url(name), "GetSystemDateAndTime", header="").text("Year")


@pytest.mark.parametrize("name", ["wsse", "both"])
def test_a_right_token_is_accepted(county: RunningCounty, name: str) -> None:
    assert _information(county, name).text("SerialNumber")


@pytest.mark.parametrize(
    "header",
    [token(password="wrong"), token("root"), token(nonce=b""), token(created="yesterday")],
    ids=["password", "user", "no nonce", "no time"],
)
def test_a_wrong_token_is_refused_as_devices_do(county: RunningCounty, header: str) -> None:
    answer = _information(county, "wsse", header=header)
    assert (answer.status, answer.fault) == (400, "Sender/NotAuthorized")


def test_a_plain_text_password_is_refused(county: RunningCounty) -> None:
    header = re.sub(r"#PasswordDigest\">[^<]*<", f'#PasswordText">{PASSWORD}<', token())
    assert _information(county, "wsse", header=header).fault == "Sender/NotAuthorized"


@pytest.mark.parametrize(("offset_s", "accepted"), [(-7, False), (-3, True), (3, True), (7, False)])
def test_created_must_be_near_the_devices_clock(
    county: RunningCounty, offset_s: float, accepted: bool
) -> None:
    assert (_information(county, "wsse", header=token(offset_s=offset_s)).status == 200) is accepted


def test_a_device_with_a_wrong_clock_wants_its_own_time(county: RunningCounty) -> None:
    county.switch("wsse", clock_offset_s=-86_400)
    assert _information(county, "wsse").fault == "Sender/NotAuthorized"
    assert _information(county, "wsse", header=token(offset_s=-86_400)).status == 200


def test_a_nonce_counts_once(county: RunningCounty) -> None:
    header = token()
    assert [_information(county, "wsse", header=header).status for _ in range(2)] == [200, 400]
    assert county.device("wsse").counters["auth_replayed"] == 1


def test_a_device_with_digest_challenges_and_a_device_without_does_not(county: RunningCounty) -> None:
    challenged = {name: _information(county, name, header="") for name in ("wsse", "digest", "both")}
    assert {name: answer.status for name, answer in challenged.items()} == {
        "wsse": 400,
        "digest": 401,
        "both": 401,
    }
    assert "WWW-Authenticate" not in challenged["wsse"].headers
    assert all(answer.fault == "Sender/NotAuthorized" for answer in challenged.values())
    offered = challenged["digest"].headers["WWW-Authenticate"]
    assert "algorithm=MD5" in offered
    assert "algorithm=SHA-256" in offered


@pytest.mark.parametrize("name", ["digest", "both"])
def test_http_digest_lets_in_with_the_right_password_only(county: RunningCounty, name: str) -> None:
    right, wrong = HTTPDigestAuth("admin", PASSWORD), HTTPDigestAuth("admin", "wrong")
    assert _information(county, name, header="", auth=right).status == 200
    assert _information(county, name, header="", auth=wrong).status == 401


@pytest.mark.parametrize("name", ["digest", "wsse"])
def test_the_other_kind_of_credentials_does_not_help(county: RunningCounty, name: str) -> None:
    how = {"digest": {}, "wsse": {"header": "", "auth": HTTPDigestAuth("admin", PASSWORD)}}[name]
    assert _information(county, name, **how).status in (400, 401)


def _digest_header(challenge: str, *, uri: str, count: str = "00000001", algorithm: str = "MD5") -> str:
    found = re.search(r'nonce="([^"]+)"', challenge)
    assert found is not None
    nonce, cnonce = found.group(1), secrets.token_hex(8)
    digest = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[algorithm]

    def hashed(text: str) -> str:
        return digest(text.encode()).hexdigest()

    first, second = hashed(f"admin:IP Camera:{PASSWORD}"), hashed(f"POST:{uri}")
    response = hashed(f"{first}:{nonce}:{count}:{cnonce}:auth:{second}")
    return (
        f'Digest username="admin", realm="IP Camera", nonce="{nonce}", uri="{uri}", qop=auth, nc={count}, '
        f'cnonce="{cnonce}", response="{response}", algorithm={algorithm}'
    )


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_digest_in_both_algorithms_and_each_count_once(county: RunningCounty, algorithm: str) -> None:
    challenge = _information(county, "digest", header="").headers["WWW-Authenticate"]
    path = county.device("digest").personality.paths.device
    first = _digest_header(challenge, uri=path, algorithm=algorithm)
    again = _digest_header(challenge, uri=path, algorithm=algorithm, count="00000002")
    statuses = [
        _information(county, "digest", header="", more={"Authorization": header}).status
        for header in (first, first, again)
    ]
    assert statuses == [200, 401, 200]


def test_digest_for_another_path_is_refused(county: RunningCounty) -> None:
    challenge = _information(county, "digest", header="").headers["WWW-Authenticate"]
    header = _digest_header(challenge, uri="/elsewhere")
    assert _information(county, "digest", header="", more={"Authorization": header}).status == 401


def test_a_nonce_the_device_never_gave_is_stale(county: RunningCounty) -> None:
    path = county.device("digest").personality.paths.device
    header = _digest_header('nonce="0123456789abcdef"', uri=path)
    answer = _information(county, "digest", header="", more={"Authorization": header})
    assert answer.status == 401
    assert "stale=true" in answer.headers["WWW-Authenticate"]


def test_the_right_password_is_suddenly_refused(county: RunningCounty) -> None:
    county.switch("both", wrong_password=True)
    assert _information(county, "both").fault == "Sender/NotAuthorized"
    assert _information(county, "both", header="", auth=HTTPDigestAuth("admin", PASSWORD)).status == 401
    county.switch("both", wrong_password=False)
    assert _information(county, "both").status == 200


def test_a_make_that_locks_refuses_the_right_password_after_five_wrong_ones(county: RunningCounty) -> None:
    for _ in range(5):
        _information(county, "locking", header=token(password="wrong"))
    answer = _information(county, "locking")
    assert (answer.status, answer.fault) == (400, "Sender/NotAuthorized")
    assert "locked" in (answer.text("Text") or "")


def _snapshot_url(county: RunningCounty, name: str) -> str:
    uri = ask(
        county.url(name, county.device(name).personality.paths.media),
        "GetSnapshotUri",
        namespace=TRT,
        body="<ProfileToken>sub</ProfileToken>",
    ).text("Uri")
    assert uri is not None
    return uri


@pytest.mark.parametrize(("name", "auth"), [("wsse", HTTPDigestAuth), ("basic", HTTPBasicAuth)])
def test_a_snapshot_needs_its_own_credentials(
    county: RunningCounty, name: str, auth: type[HTTPDigestAuth | HTTPBasicAuth]
) -> None:
    url = _snapshot_url(county, name)
    assert requests.get(url, timeout=10).status_code == 401
    assert requests.get(url, auth=auth("admin", "wrong"), timeout=10).status_code == 401
    reply = requests.get(url, auth=auth("admin", PASSWORD), timeout=10)
    assert (reply.content, reply.headers["Content-Type"]) == (JPEG + b"sub", "image/jpeg")


def test_a_make_that_writes_credentials_into_the_snapshot_address_accepts_them(county: RunningCounty) -> None:
    url = _snapshot_url(county, "locking")
    assert PASSWORD in url
    assert requests.get(url, timeout=10).status_code == 200
    assert requests.get(url.replace(PASSWORD, "wrong"), timeout=10).status_code == 401
