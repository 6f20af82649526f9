"""HTTP Digest as the RFCs' own examples answer it."""

from __future__ import annotations

import re
import secrets
import time

import pytest

from agent.devices.digest import digest_challenge, offers_basic
from agent.model import Secret

RFC_7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_answer_of_rfc_7616(monkeypatch: pytest.MonkeyPatch, algorithm: str, response: str) -> None:
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    monkeypatch.setattr(secrets, "token_hex", lambda _bytes: cnonce)
    challenge = digest_challenge([RFC_7616.format(algorithm=algorithm)])
    assert challenge is not None
    header = challenge.authorization(
        "GET", "/dir/index.html", username="Mufasa", password=Secret("Circle of Life")
    )
    assert f'response="{response}"' in header
    assert "nc=00000001" in header
    assert f"algorithm={algorithm}" in header
    assert 'opaque="FQhe' in header


def test_the_answer_of_rfc_2069_for_servers_without_qop() -> None:
    challenge = digest_challenge(
        ['Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"']
    )
    assert challenge is not None
    header = challenge.authorization(
        "GET", "/dir/index.html", username="Mufasa", password=Secret("CircleOfLife")
    )
    assert 'response="1949323746fe6a43ef61f9606e7febea"' in header
    assert "qop" not in header


def test_the_count_of_uses_rises() -> None:
    challenge = digest_challenge(['Digest realm="r", qop="auth", nonce="n"'])
    assert challenge is not None
    headers = [challenge.authorization("POST", "/", username="u", password=Secret("p")) for _ in range(3)]
    assert [re.findall("nc=(\\d+)", header)[0] for header in headers] == ["00000001", "00000002", "00000003"]


@pytest.mark.parametrize(
    "headers",
    [
        ['Digest realm="r", nonce="a", algorithm=MD5', 'Digest realm="r", nonce="b", algorithm=SHA-256'],
        ['Digest realm="r", nonce="a", algorithm=MD5, Digest realm="r", nonce="b", algorithm=SHA-256'],
        ['Basic realm="r", Digest realm="r", nonce="b", algorithm=sha-256'],
    ],
)
def test_the_strongest_challenge_is_taken(headers: list[str]) -> None:
    challenge = digest_challenge(headers)
    assert challenge is not None
    assert (challenge.algorithm, challenge.nonce) == ("SHA-256", "b")


def test_what_cannot_be_answered_is_no_challenge() -> None:
    assert digest_challenge([]) is None
    assert digest_challenge(['Basic realm="r"']) is None
    assert digest_challenge(['Digest realm="r"']) is None
    assert digest_challenge(['Digest realm="r", nonce="n", algorithm=SHA-512-256']) is None
    assert digest_challenge(['Digest realm="r", nonce="n", qop="auth-int"']) is None


def test_basic_and_stale_are_seen() -> None:
    assert offers_basic(['Digest realm="r", nonce="n"', 'Basic realm="camera"'])
    assert not offers_basic(['Digest realm="Basic realm", nonce="n"'])
    challenge = digest_challenge(['Digest realm="r", nonce="n", stale=TRUE, algorithm=MD5-sess'])
    assert challenge is not None
    assert (challenge.stale, challenge.session) == (True, True)


@pytest.mark.parametrize("filling", ["a", "a ", "a=", 'a="', ", ", "digest ", "basic a", "\\"])
def test_a_challenge_as_long_as_a_header_can_be_is_read_at_once(filling: str) -> None:
    header = "Digest realm=r, nonce=n, " + filling * (60_000 // len(filling))
    began = time.process_time()
    digest_challenge((header,))
    offers_basic((header,))
    assert time.process_time() - began < 1.0
