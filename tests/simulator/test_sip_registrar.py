"""The registrar: who is bound, for how long, and who is let in. Requests as text, and time by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simulator.county import CountyFile
from simulator.device.device import Device
from simulator.device.kinds import Kind
from simulator.device.personality import AuthMode
from simulator.sip_registrar import Registrar
from simulator.sip_registration import Registration
from simulator.sip_text import parse
from tests.support import baresip
from tests.support.processes import wait_until
from tests.support.virtual_county import RunningCounty, entry, running

REGISTER = (
    "REGISTER sip:reg SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1\r\n"
    "From: <sip:8801@reg>;tag=1\r\nTo: <sip:8801@reg>\r\nCall-ID: a\r\nCSeq: 1 REGISTER\r\n{more}\r\n"
)


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def registrar(auth: AuthMode = AuthMode.NONE) -> tuple[Registrar, Clock]:
    device = Device(
        "reg",
        Kind.SIP_REGISTRAR,
        ip="127.0.0.1",
        http_port=0,
        personality="plain",
        username="admin",
        password="pass-word-1",
        auth=auth,
        profiles=(),
        picture=None,
    )
    device.users.create("8801", "pass-word-2", "User")
    clock = Clock()
    return Registrar(device, port=0, monotonic=clock), clock


def said(to: Registrar, text: str) -> str:
    request = parse(text.encode())
    assert request is not None
    return to.answer(request).decode()


def test_a_number_is_bound_for_the_time_granted() -> None:
    one, clock = registrar()
    assert "Contact" not in said(one, REGISTER.format(more=""))
    bound = said(one, REGISTER.format(more="Contact: <sip:8801@127.0.0.9:5062>;expires=60\r\n"))
    assert "Contact: <sip:8801@127.0.0.9:5062>;expires=60" in bound
    clock.now_s += 59
    assert "expires=1" in said(one, REGISTER.format(more=""))
    clock.now_s += 1
    assert one.bound() == {}


def test_it_is_taken_back_by_a_time_of_nothing() -> None:
    one, _ = registrar()
    said(one, REGISTER.format(more="m: <sip:8801@127.0.0.9>;expires=60\r\n"))
    assert one.bound()
    said(one, REGISTER.format(more="Contact: <sip:8801@127.0.0.9>;expires=0\r\n"))
    assert one.bound() == {}


def test_a_number_nobody_gave_out_is_not_found_and_calls_are_not_taken() -> None:
    one, _ = registrar()
    assert said(one, REGISTER.replace("8801", "9").format(more="")).startswith("SIP/2.0 404")
    assert said(one, REGISTER.replace("REGISTER", "INVITE").format(more="")).startswith("SIP/2.0 405")
    assert said(one, REGISTER.replace("REGISTER", "OPTIONS").format(more="")).startswith("SIP/2.0 200")


def test_without_a_log_in_it_is_asked_for_and_binds_nothing() -> None:
    one, _ = registrar(AuthMode.DIGEST)
    asked = said(one, REGISTER.format(more="Contact: <sip:8801@127.0.0.9>\r\n"))
    assert asked.startswith("SIP/2.0 401")
    assert re.search(r'WWW-Authenticate: Digest realm="conference", qop="auth", nonce="\w+"', asked)
    assert one.bound() == {}


def bound(county: RunningCounty) -> dict[str, str]:
    found = county.station("reg").sip
    assert isinstance(found, Registrar)
    return county.call(found.bound)


def test_endpoints_of_the_county_register_and_take_it_back() -> None:
    endpoints = [
        entry(f"vc-{n}", kind="conference_endpoint", number=f"880{n}", registrar="reg") for n in (1, 2)
    ]
    with running(*endpoints, entry("reg", kind="sip_registrar")) as county:
        wait_until(lambda: set(bound(county)) == {"8801", "8802"}, within_s=10, what="both register")
        assert county.device("reg").counters["auth_wrong_password"] == 0


def test_baresip_registers_with_it(tmp_path: Path) -> None:
    """A client that others wrote finds the registrar's challenge and answers in order."""
    with running(
        entry("reg", kind="sip_registrar"),
        entry("other", kind="conference_endpoint", number="vc01", registrar="reg"),
    ) as county:
        found = county.station("reg").sip
        assert found is not None
        county.switch("other", unplugged=True)
        county.call(found.close)
        county.wait(found.open())
        assert bound(county) == {}
        at = f"{county.device('reg').ip}:{found.port}"
        account = f'regint=60;outbound="sip:{at}";auth_user=vc01;auth_pass=pass-word-1'
        with baresip.running(tmp_path / "vc", account=account):
            wait_until(lambda: "vc01" in bound(county), within_s=15, what="baresip registers")
        assert county.device("reg").counters["auth_wrong_password"] == 0


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"registrar": "nobody", "number": "8801"}, "no sip_registrar is called 'nobody'"),
        ({"registrar": "reg"}, "needs a number"),
        ({"registrar": "reg", "number": "8801", "password": "short"}, "a password of 8 to 16"),
    ],
)
def test_a_county_file_that_cannot_work_is_told(more: dict[str, str], told: str) -> None:
    rows = [entry("reg", kind="sip_registrar"), entry("vc", kind="conference_endpoint", **more)]
    with pytest.raises(ValueError, match=told):
        CountyFile.model_validate({"device": rows})


def test_an_answer_to_another_request_of_the_endpoint_is_passed_over() -> None:
    device = registrar()[0]._device
    keeping = Registration(device, number="8801", registrar=lambda: ("127.0.0.1", 5060))
    assert keeping.heard(b"SIP/2.0 200 OK\r\nCSeq: 9 REGISTER\r\n\r\n")
    assert not keeping.heard(b"OPTIONS sip:a SIP/2.0\r\n\r\n")
