"""Profiles of a client over Media and Media2: made, filled, limited, shared, deleted; streams follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from lxml import etree

from simulator.video.model import Codec
from tests.support.onvif_client import TR2, TRT, Answer, ask
from tests.support.virtual_county import RunningCounty, entry, running

SOURCE = "VideoSourceConfig_1"


@pytest.fixture
def county() -> Iterator[RunningCounty]:
    with running(entry("cam", auth="none")) as started:
        yield started


def media(county: RunningCounty, operation: str, *parts: tuple[str, str]) -> Answer:
    body = "".join(f"<{name}>{text}</{name}>" for name, text in parts)
    return ask(county.url(path=county.device().personality.paths.media), operation, namespace=TRT, body=body)


def media2(county: RunningCounty, operation: str, inner: str) -> Answer:
    path = county.device().personality.paths.media2
    return ask(county.url(path=path), operation, namespace=TR2, body=inner)


def text_of(answer: Answer, name: str) -> str:
    found = next((one for one in answer.root.iter() if etree.QName(one).localname == name), None)
    assert found is not None, answer.payload
    return found.text or ""


def configuration(kind: str, token: str) -> str:
    return f"<Configuration><Type>{kind}</Type><Token>{token}</Token></Configuration>"


def set_sub(county: RunningCounty, **changes: Any) -> None:
    device = county.device()
    county.call(lambda: device.set_encoder("sub", replace(device.encoders["sub"], **changes)))


def test_over_media_a_profile_is_made_filled_and_deleted(county: RunningCounty) -> None:
    assert media(county, "CreateProfile", ("Name", "mine"), ("Token", "own")).status == 200
    assert b"ProfileExists" in media(county, "CreateProfile", ("Name", "mine"), ("Token", "own")).payload
    own = ("ProfileToken", "own")
    early = media(county, "AddVideoEncoderConfiguration", own, ("ConfigurationToken", "VideoEncoder_third"))
    assert b"ConfigurationConflict" in early.payload
    assert b"IncompleteConfiguration" in media(county, "GetStreamUri", own).payload
    media(county, "AddVideoSourceConfiguration", own, ("ConfigurationToken", SOURCE))
    added = media(county, "AddVideoEncoderConfiguration", own, ("ConfigurationToken", "VideoEncoder_third"))
    assert added.status == 200
    assert county.lens().arranged["own"].gop == 50
    assert text_of(media(county, "GetStreamUri", own), "Uri").endswith("/own")
    assert media(county, "RemoveVideoEncoderConfiguration", own).status == 200
    assert "own" not in county.lens().arranged
    assert media(county, "DeleteProfile", own).status == 200
    assert b"NoProfile" in media(county, "DeleteProfile", own).payload


def test_over_media2_the_same(county: RunningCounty) -> None:
    both = configuration("VideoSource", SOURCE) + configuration("VideoEncoder", "VideoEncoder_third")
    made = media2(county, "CreateProfile", f"<Name>mine</Name>{both}")
    token = text_of(made, "Token")
    profile = county.device().media.find(token)
    assert profile is not None
    assert (profile.name, profile.encoder) == ("mine", "third")
    removed = configuration("VideoEncoder", "VideoEncoder_third")
    media2(county, "RemoveConfiguration", f"<ProfileToken>{token}</ProfileToken>{removed}")
    assert profile.encoder == ""
    media2(county, "AddConfiguration", f"<ProfileToken>{token}</ProfileToken>{removed}")
    assert profile.encoder == "third"
    assert media2(county, "DeleteProfile", f"<Token>{token}</Token>").status == 200
    assert county.device().media.find(token) is None
    odd = media2(county, "CreateProfile", f"<Name>x</Name>{configuration('Nose', 'x')}")
    assert b"NoConfig" in odd.payload
    assert [one.token for one in county.device().media] == ["main", "sub"]


def test_the_factorys_profiles_are_fixed_and_their_number_has_an_end(county: RunningCounty) -> None:
    assert b"DeletionOfFixedProfile" in media(county, "DeleteProfile", ("ProfileToken", "sub")).payload
    sub = ("ProfileToken", "sub")
    taken = media(county, "AddVideoEncoderConfiguration", sub, ("ConfigurationToken", "VideoEncoder_main"))
    assert b"ConfigurationConflict" in taken.payload
    for _ in range(6):
        assert media(county, "CreateProfile", ("Name", "more")).status == 200
    assert b"MaxNVTProfiles" in media(county, "CreateProfile", ("Name", "more")).payload
    assert b'MaximumNumberOfProfiles="8"' in media(county, "GetServiceCapabilities").payload
    assert b'MaximumNumberOfProfiles="8"' in media2(county, "GetServiceCapabilities", "").payload


def test_every_stream_of_a_shared_encoder_follows_it(county: RunningCounty) -> None:
    own = ("ProfileToken", "own")
    media(county, "CreateProfile", ("Name", "mine"), ("Token", "own"))
    media(county, "AddVideoSourceConfiguration", own, ("ConfigurationToken", SOURCE))
    media(county, "AddVideoEncoderConfiguration", own, ("ConfigurationToken", "VideoEncoder_sub"))
    device = county.device()
    assert device.media.uses("sub") == 2
    set_sub(county, fps=5, gop=5)
    arranged = county.lens().arranged
    assert [(arranged[token].fps, arranged[token].gop) for token in ("sub", "own")] == [(5, 5)] * 2
    county.switch(streams_stay=True)
    set_sub(county, fps=8)
    assert arranged["sub"].fps == 5
    county.call(lambda: device.reset(hard=False))
    assert [one.token for one in device.media] == ["main", "sub"]


def test_a_key_frame_is_asked_for_a_profile_of_a_stream(county: RunningCounty) -> None:
    assert media(county, "SetSynchronizationPoint", ("ProfileToken", "sub")).status == 200
    assert media2(county, "SetSynchronizationPoint", "<ProfileToken>main</ProfileToken>").status == 200
    assert county.lens().keys_asked == ["sub", "main"]
    assert b"NoProfile" in media(county, "SetSynchronizationPoint", ("ProfileToken", "none")).payload
    county.switch(keys_ignored=True)
    assert media(county, "SetSynchronizationPoint", ("ProfileToken", "sub")).status == 200
    assert len(county.lens().keys_asked) == 2


@pytest.mark.parametrize("make", ["reolink-like", "onvif-srvd-like"])
def test_a_make_without_profiles_of_a_clients_own_refuses(make: str) -> None:
    with running(entry("cam", personality=make, auth="none")) as county:
        media(county, "CreateProfile", ("Name", "mine"))
        media(county, "SetSynchronizationPoint", ("ProfileToken", "sub"))
        assert len(list(county.device().media)) == 2
        assert county.lens().keys_asked == []


def test_encoders_are_counted_and_h265_is_a_stream_of_its_own(county: RunningCounty) -> None:
    total = media(county, "GetGuaranteedNumberOfVideoEncoderInstances", ("ConfigurationToken", SOURCE))
    assert text_of(total, "TotalNumber") == "3"
    asked = f"<ConfigurationToken>{SOURCE}</ConfigurationToken>"
    assert text_of(media2(county, "GetVideoEncoderInstances", asked), "Total") == "3"
    wrong = "<ConfigurationToken>x</ConfigurationToken>"
    assert b"NoConfig" in media2(county, "GetVideoEncoderInstances", wrong).payload
    fits = media(county, "GetCompatibleVideoEncoderConfigurations", ("ProfileToken", "sub"))
    assert fits.payload.count(b"<trt:Configurations ") == 3
    set_sub(county, codec="H265")
    assert county.lens().arranged["sub"].codec is Codec.H265
