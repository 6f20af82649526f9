"""Who is taken in from discovery: by marks, never by address, and never 10,000 of one host."""

from __future__ import annotations

import hashlib

import pytest

from agent.marks import made
from agent.ports import Found
from agent.services.admission import MOST_OF_A_HOST, admitted, where_met

REFERENCE = "urn:uuid:11111111-aaaa-bbbb-cccc-{:012d}"


def found(number: int, host: str = "", **more: str) -> Found:
    reference = more.pop("reference", REFERENCE.format(number))
    return Found(reference, "", host or f"10.0.0.{number}", 80, mac_address=more.get("mac"))


def test_a_new_device_gets_an_id_from_its_reference_as_ever() -> None:
    admission = admitted([found(1)], {}, hosts=frozenset(), room=10)
    name = "cam-" + hashlib.sha256(REFERENCE.format(1).encode()).hexdigest()[:12]
    assert [one for _, one in admission.taken] == [name]


def test_a_device_without_a_reference_is_named_by_its_mac_and_without_both_not_at_all() -> None:
    by_mac = found(1, reference="10.0.0.1:80", mac="44-19-B6-00-00-01")
    nothing = found(2, reference="10.0.0.2:80")
    admission = admitted([by_mac, nothing], {}, hosts=frozenset(), room=10)
    assert [one.host for one, _ in admission.taken] == ["10.0.0.1"]
    assert admission.dropped == {"10.0.0.2": 1}


@pytest.mark.parametrize("serial", ["SN-0001", ""])
def test_what_bears_a_reference_of_the_ledger_is_no_new_device(serial: str) -> None:
    """It moved, has a second interface, or is a clone: a second row would be wrong each time."""
    ledger = {"gate": made(reference=REFERENCE.format(1), vendor="m", serial=serial)}
    assert admitted([found(1, host="10.0.0.9")], ledger, hosts=frozenset({"10.0.0.1"}), room=10).taken == []


def test_a_stranger_at_an_address_of_the_ledger_is_no_new_device() -> None:
    assert admitted([found(7, host="10.0.0.1")], {}, hosts=frozenset({"10.0.0.1"}), room=10).taken == []


def test_a_host_that_announces_thousands_gets_a_few_rows_and_the_rest_is_counted() -> None:
    hostile = [found(number, host="10.0.0.66") for number in range(10_000)]
    honest = [found(20_001, host="10.0.0.1"), found(20_002, host="10.0.0.2")]
    admission = admitted([*hostile, *honest], {}, hosts=frozenset(), room=64)
    assert len(admission.taken) == MOST_OF_A_HOST + 2
    assert admission.dropped == {"10.0.0.66": 10_000 - MOST_OF_A_HOST}


def test_a_box_that_is_full_takes_nobody_in() -> None:
    admission = admitted([found(1), found(2)], {}, hosts=frozenset(), room=1)
    assert (len(admission.taken), dict(admission.dropped)) == (1, {"10.0.0.2": 1})


def test_one_device_at_two_addresses_is_one_row() -> None:
    twice = [found(1, host="10.0.0.1"), found(1, host="10.0.0.2")]
    assert len(admitted(twice, {}, hosts=frozenset(), room=10).taken) == 1


def test_a_device_is_placed_where_onvif_was_met_with_the_marks_it_announced() -> None:
    plain = Found(REFERENCE.format(1), "http://10.0.0.1/x", "10.0.0.1", 80, title="gate", hardware="DS-1")
    door = Found("22222222-aaaa", "", "10.0.0.1", 443, mac_address="44-19-B6-00-00-01", tls=True)
    (placed,) = where_met([plain], [door], shut=frozenset({"10.0.0.1"}))
    assert (placed.host, placed.port, placed.tls) == ("10.0.0.1", 443, True)
    assert (placed.endpoint_reference, placed.title, placed.hardware) == (
        plain.endpoint_reference,
        "gate",
        "DS-1",
    )
    assert placed.mac_address == "44-19-B6-00-00-01"


def test_an_announcement_stands_where_knocking_met_nobody_and_who_never_announced_is_added() -> None:
    booting, quiet = found(1), found(2)
    assert where_met([booting], [quiet], shut=frozenset({"10.0.0.1"})) == [booting, quiet]
    assert where_met([booting], [], shut=frozenset()) == [booting]


def test_an_open_door_is_never_changed_by_knocking() -> None:
    """Announced and open: nobody knocked there; a stray answer changes nothing."""
    assert where_met([found(1)], [], shut=frozenset({"10.0.0.9"})) == [found(1)]
