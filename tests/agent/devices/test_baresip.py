"""An endpoint that others wrote: Debian's baresip answers, refuses and registers as it does."""

from __future__ import annotations

import threading
from pathlib import Path

from agent.devices import sip
from agent.model import Evidence
from protocol.words import Reason, Rung
from tests.agent.devices.test_conference import by_sip, climb, endpoint
from tests.support import baresip
from tests.support.sip_peer import always, reply, udp


def test_a_known_number_answers_with_its_media_and_an_unknown_one_with_404(tmp_path: Path) -> None:
    assert baresip.installed(), "run deploy/setup.sh test"
    with baresip.running(tmp_path / "vc") as port:
        known = sip.options("127.0.0.1", port, seconds=5, user="vc01")
        unknown = sip.options("127.0.0.1", port, seconds=5, user="nobody")
        by_tcp = sip.options_by_tcp("127.0.0.1", port, seconds=5, user="vc01")
    assert known.status == by_tcp.status == 200
    assert known.agent.startswith("baresip")
    assert known.headers["content-type"] == ["application/sdp"]
    assert unknown.status == 404


def test_it_is_climbed_and_its_line_measured(tmp_path: Path) -> None:
    with baresip.running(tmp_path / "vc") as port:
        evidence = climb(endpoint(port, sip_user="vc01"))
        line = by_sip(endpoint(port, sip_user="vc01")).measure(probes=40)
        nameless = climb(endpoint(port))
    assert (evidence.rung, evidence.reason, evidence.detail) == (Rung.REACHABLE, Reason.OK, "")
    assert evidence.identity is not None
    assert evidence.identity.model.startswith("baresip")
    assert line is not None
    assert (line.probes, line.loss_ratio) == (40, 0.0)
    assert nameless.rung is Rung.REACHABLE
    stopped = climb(endpoint(port, sip_user="vc01"))
    assert stopped.rung is Rung.UNREACHABLE


def test_a_registrar_learns_of_it_and_we_ask_that_registrar(tmp_path: Path) -> None:
    """baresip registers with a small registrar; our question to it is answered and binds nothing."""
    bound = Bindings()
    with udp(bound.answer) as registrar:
        account = f'regint=60;outbound="sip:127.0.0.1:{registrar}"'
        before = climb_registered(registrar)
        with baresip.running(tmp_path / "vc", account=account) as port:
            assert bound.registered.wait(10)
            after = climb_registered(registrar, port)
    assert before.reason is Reason.NOT_REGISTERED
    assert (after.reason, after.detail) == (Reason.OK, "")
    assert bound.ours == 2


def climb_registered(registrar: int, port: int | None = None) -> Evidence:
    told = f"127.0.0.1:{registrar}"
    if port is not None:
        return climb(endpoint(port, sip_user="vc01", sip_registrar=told))
    with udp(always("200 OK")) as other:
        return climb(endpoint(other, sip_user="vc01", sip_registrar=told))


class Bindings:
    """A registrar of one address of record."""

    def __init__(self) -> None:
        self.registered = threading.Event()
        self.contact = ""
        self.ours = 0

    def answer(self, request: bytes, _number: int) -> list[bytes]:
        lines = request.decode("utf-8", "replace").split("\r\n")
        contact = next((line for line in lines if line.lower().startswith("contact:")), "")
        if not contact:
            self.ours += 1
        elif "expires=0" not in contact and "Expires: 0" not in lines:
            self.contact = contact.partition(";expires")[0]
            self.registered.set()
        known = (f"{self.contact};expires=60",) if self.contact else ()
        return [reply(request, "200 OK", *known)]
