"""Hostile answers: each switch sends what it promises, and only while it is on."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import requests
from lxml import etree

from simulator.device.device import REDIRECT_HOST, UNREACHABLE_HOST
from simulator.onvif.hostile import HUGE_BYTES
from tests.support.onvif_client import TRT, Answer, ask
from tests.support.virtual_county import RunningCounty, entry, running


@pytest.fixture(scope="module")
def shared() -> Iterator[RunningCounty]:
    """One camera."""
    with running(entry(auth="none")) as started:
        yield started


@pytest.fixture
def county(shared: RunningCounty) -> Iterator[RunningCounty]:
    """The camera, without faults afterwards."""
    yield shared
    shared.switch(**shared.device().faults.defaults())


def _clock(county: RunningCounty) -> Answer:
    return ask(county.url(), "GetSystemDateAndTime")


def test_html_with_status_200(county: RunningCounty) -> None:
    county.switch(html_200=True)
    answer = _clock(county)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"<html>" in answer.payload
    county.switch(html_200=False)
    assert _clock(county).text("Year")


def test_broken_xml_does_not_parse(county: RunningCounty) -> None:
    county.switch(broken_xml=True)
    answer = _clock(county)
    assert answer.status == 200
    with pytest.raises(etree.XMLSyntaxError):
        _ = answer.root


@pytest.mark.parametrize("operation", ["GetSystemDateAndTime", "SystemRebootless", "GetDeviceInformation"])
def test_the_entity_bomb_is_small_and_well_formed_but_for_its_size(
    county: RunningCounty, operation: str
) -> None:
    county.switch(entity_bomb=True)
    payload = ask(county.url(), operation).payload
    assert len(payload) < 5_000
    with pytest.raises(etree.XMLSyntaxError, match="amplification"):
        etree.fromstring(payload)
    harmless = etree.fromstring(payload.replace(b"&a9;", b"&a2;"), etree.XMLParser(resolve_entities=True))
    assert etree.tostring(harmless).count(b"lol") == 400


def test_the_external_entity_points_at_a_file(county: RunningCounty) -> None:
    county.switch(external_entity=True)
    payload = _clock(county).payload
    assert b'SYSTEM "file:///' in payload
    etree.fromstring(payload, etree.XMLParser(resolve_entities=False, no_network=True))


def test_the_redirect_leads_to_another_host_with_the_same_path(county: RunningCounty) -> None:
    county.switch(redirect=True)
    answer = _clock(county)
    device = county.device()
    assert answer.status == 307
    expected = f"http://{REDIRECT_HOST}:{device.http_port}{device.personality.paths.device}"
    assert answer.headers["Location"] == expected


def test_addresses_name_a_host_that_nobody_reaches(county: RunningCounty) -> None:
    county.switch(wrong_host_xaddr=True)
    device = county.device()
    services = ask(county.url(), "GetServices").texts("XAddr")
    stream = ask(county.url(), "GetStreamUri", namespace=TRT, body="<ProfileToken>main</ProfileToken>").text(
        "Uri"
    )
    assert services
    for address in (*services, stream):
        assert UNREACHABLE_HOST in str(address)
        assert device.ip not in str(address)


def test_a_slow_device_takes_its_time(county: RunningCounty) -> None:
    county.switch(slow_ms=300)
    started = time.monotonic()
    assert _clock(county).text("Year")
    assert 0.3 <= time.monotonic() - started < 5


def _poured(county: RunningCounty, limit_bytes: int) -> tuple[requests.Response, int]:
    with requests.post(county.url(), data=b"<a/>", stream=True, timeout=10) as reply:
        read = 0
        for chunk in reply.iter_content(1 << 20):
            read += len(chunk)
            if read >= limit_bytes:
                break
        return reply, read


def test_the_huge_answer_is_100_megabytes(county: RunningCounty) -> None:
    county.switch(huge_answer=True)
    reply, read = _poured(county, HUGE_BYTES * 2)
    assert int(reply.headers["Content-Length"]) == read == HUGE_BYTES == 100_000_000


def test_the_endless_answer_goes_on_until_the_client_leaves(county: RunningCounty) -> None:
    county.switch(endless_answer=True)
    reply, read = _poured(county, 1 << 20)
    assert "Content-Length" not in reply.headers
    assert read >= 1 << 20
    county.switch(endless_answer=False)
    assert _clock(county).text("Year")


def test_an_unplugged_device_refuses_and_drops(county: RunningCounty) -> None:
    session = requests.Session()
    assert session.get(county.url(), timeout=10).status_code == 404
    county.switch(unplugged=True)
    for client in (session, requests):
        with pytest.raises(requests.ConnectionError):
            client.get(county.url(), timeout=10)
    county.switch(unplugged=False)
    assert _clock(county).text("Year")
    session.close()
