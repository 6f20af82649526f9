"""SIP messages: what is written is whole, what is read is bounded."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from agent.devices.sip_message import Dialogue, answer, answered_number, body_bytes, request, target_of
from tests.support.sip_peer import reply

ASKED = Dialogue("OPTIONS", "8801@192.0.2.7:5060", "192.0.2.1:40000", call_id="0123456789abcdef")


def test_a_request_has_every_mandatory_header() -> None:
    lines = request(ASKED).decode().split("\r\n")
    assert lines[0] == "OPTIONS sip:8801@192.0.2.7:5060 SIP/2.0"
    assert lines[-2:] == ["", ""]
    names = {line.partition(":")[0] for line in lines[1:-2]}
    assert names >= {"Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "Content-Length"}
    assert any(line.startswith("Via: SIP/2.0/UDP 192.0.2.1:40000;branch=z9hG4bK") for line in lines)


def test_a_target_is_escaped_and_bracketed() -> None:
    assert target_of("", "fe80::1", 5060) == "[fe80::1]:5060"
    assert target_of("8801", "10.0.0.1", 5070) == "8801@10.0.0.1:5070"
    assert "\r" not in target_of("a\r\nX: y@b", "10.0.0.1", 5060)


def test_short_and_folded_headers_are_read() -> None:
    text = (
        "SIP/2.0 200 OK\r\ni: 0123456789abcdef\r\nCSeq: 1\r\n OPTIONS\r\n"
        'm: "A, b" <sip:8801@[fe80::2]:5060>;expires=60, <sip:8801@10.0.0.9>;expires=0\r\n\r\n'
    )
    found = answer(text.encode(), ASKED)
    assert found is not None
    assert found.bindings == ("fe80::2",)


def test_a_flood_of_headers_and_contacts_is_cut() -> None:
    contacts = ", ".join(f"<sip:8801@10.0.0.{n % 250}>" for n in range(3000))
    found = answer(reply(request(ASKED), "200 OK", f"Contact: {contacts}"), ASKED)
    assert found is not None
    assert len(found.bindings) == 16
    many = "".join(f"H{n}: x\r\n" for n in range(5000))
    assert answer(f"SIP/2.0 200 OK\r\n{many}Call-ID: 0123456789abcdef\r\n\r\n".encode(), ASKED) is None


@given(st.binary(max_size=4096))
@example(b"SIP/2.0 200 OK\r\nCall-ID: 0123456789abcdef\r\nCSeq: 99999999999 OPTIONS\r\n\r\n")
@example("SIP/2.0 200 \u2028\r\nCall-ID: 0123456789abcdef\r\nCSeq: \u0661 OPTIONS\r\n\r\n".encode())
def test_nothing_a_peer_sends_raises(noise: bytes) -> None:
    answer(noise, ASKED)
    answered_number(noise, ASKED)
    assert 0 <= body_bytes(noise) < 1_000_000


@given(st.data())
def test_a_damaged_answer_is_an_answer_or_none(data: st.DataObject) -> None:
    whole = bytearray(
        reply(request(ASKED), "401 Unauthorized", 'WWW-Authenticate: Digest realm="a", nonce="b"')
    )
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    found = answer(bytes(whole), ASKED)
    if found is not None:
        assert 200 <= found.status <= 699
        assert len(found.bindings) <= 16
        assert not any(letter in found.reason + found.agent for letter in "\r\n\x00")
