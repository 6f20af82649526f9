"""One way to write a host: what a resolver would read as an address is that address, or refused."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.hosts import addresses, canonical

digits = st.text("0123456789abcdefxX", min_size=1, max_size=6)
numbers = st.lists(digits | st.integers(0, 300).map(str), min_size=1, max_size=5).map(".".join)


@given(numbers)
def test_what_a_resolver_takes_for_a_number_is_that_address_or_refused(text: str) -> None:
    try:
        told = socket.inet_ntoa(socket.inet_aton(text))
    except OSError:
        return
    try:
        found = canonical(text)
    except ValueError:
        return
    assert found == told == text


@given(
    st.ip_addresses().map(str) | st.from_regex(r"[a-zA-Z][a-zA-Z0-9-]{0,9}(\.[a-z]{1,5})?", fullmatch=True)
)
def test_what_is_canonical_stays_so(text: str) -> None:
    once = canonical(text)
    assert canonical(once) == once == canonical(text.upper())


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("10.0.0.9", "10.0.0.9"),
        ("10.0.0.9.", "10.0.0.9"),
        ("::FFFF:10.0.0.9", "10.0.0.9"),
        ("::ffff:a00:9", "10.0.0.9"),
        ("Cam_1.LAN.", "cam_1.lan"),
        ("fe80::1%eth0", "fe80::1%eth0"),
    ],
)
def test_a_host_has_one_spelling(text: str, host: str) -> None:
    assert canonical(text) == host


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "127.1", "2135753488", "0x7f.0.0.1", "127.0.0.01", "1.2.3.4.5", "256.1.1.1", "cam.1"),
        *("a b", "a/b", "a@b", "１２７.0.0.1", "cam。lan", "a..b", "x" * 300, "[::1]", "::1::"),
    ],
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        canonical(text)


def test_an_address_is_its_own_and_a_name_that_is_none_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        if host != "cam.lan":
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(0, 0, 0, "", (each, 0)) for each in ("fe80::1", "10.0.0.9", "::ffff:10.0.0.9")]

    monkeypatch.setattr(socket, "getaddrinfo", told)
    assert addresses("10.0.0.8") == ("10.0.0.8",)
    assert addresses("cam.lan") == ("10.0.0.9", "fe80::1")
    assert addresses("other.lan") == ()
