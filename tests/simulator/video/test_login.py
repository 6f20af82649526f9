"""Digest and Basic are really checked."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from simulator.video.login import Doorkeeper, Scheme

URI = "rtsp://127.0.0.1:8554/main"


def _door(scheme: Scheme = Scheme.DIGEST) -> Doorkeeper:
    return Doorkeeper(scheme=scheme, realm="camera", username="admin", password="lens-1")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _digest(
    door: Doorkeeper,
    *,
    username: str = "admin",
    password: str = "lens-1",
    method: str = "DESCRIBE",
    uri: str = URI,
    nonce: str | None = None,
    qop: bool = False,
) -> str:
    found = re.search(r'nonce="(\w+)"', door.challenges()[0])
    assert found is not None
    nonce = nonce or found[1]
    secret, asked = _md5(f"{username}:camera:{password}"), _md5(f"{method}:{uri}")
    middle = f"{nonce}:00000001:abc:auth" if qop else nonce
    extra = ', qop=auth, nc=00000001, cnonce="abc"' if qop else ""
    response = _md5(f"{secret}:{middle}:{asked}")
    said = f'Digest username="{username}", realm="camera", nonce="{nonce}", uri="{uri}"'
    return f'{said}, response="{response}"{extra}'


@pytest.mark.parametrize("qop", [False, True])
def test_the_right_password_is_admitted(qop: bool) -> None:
    door = _door()
    assert door.admits("DESCRIBE", URI, _digest(door, qop=qop))


def test_the_uri_may_be_signed_without_its_host() -> None:
    door = _door()
    assert door.admits("DESCRIBE", URI, _digest(door, uri="/main/"))


def test_every_part_of_a_digest_counts() -> None:
    door = _door()
    refused = {
        "password": _digest(door, password="lens-2"),
        "username": _digest(door, username="root"),
        "method": _digest(door, method="PLAY"),
        "another place": _digest(door, uri="rtsp://127.0.0.1:8554/sub"),
        "a nonce never handed out": _digest(door, nonce="0" * 32),
        "no response": 'Digest username="admin", realm="camera"',
        "another scheme": "Basic " + base64.b64encode(b"admin:lens-1").decode(),
    }
    for why, header in refused.items():
        assert not door.admits("DESCRIBE", URI, header), why
    assert not door.admits("DESCRIBE", URI, None)


def test_old_nonces_are_forgotten() -> None:
    door = _door()
    first = _digest(door)
    for _ in range(2000):
        door.challenges()
    assert not door.admits("DESCRIBE", URI, first)


def test_basic_is_checked() -> None:
    door = _door(Scheme.BASIC)
    assert door.challenges() == ['Basic realm="camera"']
    assert door.admits("PLAY", URI, "Basic " + base64.b64encode(b"admin:lens-1").decode())
    assert not door.admits("PLAY", URI, "Basic " + base64.b64encode(b"admin:lens-2").decode())
    assert not door.admits("PLAY", URI, "Basic !!!")
    assert not door.admits("PLAY", URI, _digest(_door()))


def test_both_offers_the_stronger_first_and_none_asks_nothing() -> None:
    assert [offer.split()[0] for offer in _door(Scheme.BOTH).challenges()] == ["Digest", "Basic"]
    assert _door(Scheme.NONE).admits("PLAY", URI, None)
