"""What a mark means, what is kept over runs and firmwares, when a picture moved. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from agent.devices.habits import LooseLeaves
from agent.devices.scorecard import TRIALS, Card, Mark, Scorecards, Verdict
from agent.devices.scorecard.card import compared, granted, mark, seconds
from agent.devices.scorecard.kept import CARD_TOPIC, differences, merged, read, written
from agent.devices.scorecard.listening import announced_topics
from agent.devices.scorecard.looking import judge_zone
from agent.devices.scorecard.picture import moved, size_of
from agent.devices.scorecard.writing import (
    Tools,
    Writer,
    brightness_step,
    judge_turn,
    neighbour,
    rate_step,
)
from agent.management import Allowed, Change, Settings
from agent.model import Identity

H, L, U, N = Verdict.HONEST, Verdict.LIES, Verdict.UNDECIDED, Verdict.NOT_OFFERED
AT = datetime(2026, 3, 1, 8, tzinfo=UTC)
WHO = Identity(vendor="Clone", model="X1", firmware="1.0")
IDS = [trial.id for trial in TRIALS]


def test_every_trial_has_its_own_id_and_says_in_both_languages_what_a_lie_means() -> None:
    assert len(set(IDS)) == len(IDS)
    for trial in TRIALS:
        assert trial.chinese and trial.english and all(trial.if_lies)


@pytest.mark.parametrize(
    ("claimed", "done", "verdict"),
    [
        (True, True, H),
        (True, False, L),
        (True, None, U),
        (False, True, L),
        (False, False, N),
        (False, None, N),
        (None, True, H),
        (None, False, N),
        (None, None, N),
    ],
)
def test_a_claim_is_held_against_what_was_done(
    claimed: bool | None, done: bool | None, verdict: Verdict
) -> None:
    assert compared(claimed, done) is verdict


@pytest.mark.parametrize(
    ("got", "verdict"), [(60.0, H), (61.0, H), (55.0, H), (3600.0, L), (10.0, L), (1.0, L), (None, U)]
)
def test_a_lease_is_as_asked_within_a_tenth(got: float | None, verdict: Verdict) -> None:
    assert granted(60, got) is verdict


def test_figures_are_told_in_steps_that_do_not_tremble() -> None:
    assert [seconds(each) for each in (None, 1.6, 59.0, 61.4, 3599.0)] == [
        "-",
        "2 s",
        "60 s",
        "60 s",
        "3600 s",
    ]


def test_a_mark_holds_no_credentials_and_is_bounded() -> None:
    made = mark("clock", "rtsp://admin:hunter2@10.0.0.1/x", "y" * 500, H, "password=hunter2 " * 100)
    assert "hunter2" not in str(made)
    assert len(made.does) <= 40 and len(made.evidence) <= 300


# --- kept -----------------------------------------------------------------------------------------------


def card(
    verdict: Verdict = H,
    *,
    device: str = "a",
    trial: str = "lease",
    does: str = "60 s",
    who: Identity = WHO,
    day: int = 0,
) -> Card:
    return Card(device, who, AT + timedelta(days=day), (Mark(trial, "60 s", does, verdict, "e"),))


def test_two_devices_of_one_make_that_disagree_are_undecided() -> None:
    sheet = merged(merged(None, card(H, device="a")), card(L, device="b"))
    assert sheet.kept["lease"].is_mixed
    assert sheet.kept["lease"].verdict is U
    assert (sheet.runs, sheet.devices) == (2, ("a", "b"))
    agreed = merged(sheet, card(H, device="b", day=1))
    assert agreed.kept["lease"].verdict is H
    assert agreed.kept["lease"].seen == {H: 2, L: 1}


def test_a_day_on_which_it_could_not_be_told_forgets_nothing() -> None:
    sheet = merged(merged(None, card(L, does="3600 s")), card(U, does="-"))
    assert sheet.kept["lease"].verdict is L
    assert sheet.kept["lease"].last.does == "3600 s"


marks = st.builds(
    Mark,
    st.sampled_from(IDS),
    st.text("abc 0", max_size=8).map(str.strip),
    st.sampled_from(["60 s", "true"]),
    st.sampled_from(list(Verdict)),
    st.just("e"),
)
some_cards = st.lists(
    st.builds(
        lambda device, found: Card(device, WHO, AT, tuple(found)),
        st.sampled_from("abcdefghijklmnopqrstuvwxyz"),
        st.lists(marks, max_size=5, unique_by=lambda one: one.trial),
    ),
    min_size=1,
    max_size=40,
)


@given(some_cards)
def test_what_is_written_is_read_back_and_stays_bounded(cards: list[Card]) -> None:
    sheet = None
    for one in cards:
        sheet = merged(sheet, one)
    assert sheet is not None
    again = read(written(sheet))
    assert again is not None
    assert {**again.kept} == {
        trial: replace(kept, last=mark(*[getattr(kept.last, name) for name in Mark.__slots__]))
        for trial, kept in sheet.kept.items()
    }
    assert replace(again, kept={}) == replace(sheet, kept={})
    assert len(sheet.devices) <= 16
    assert all(len(kept.by_device) <= 16 for kept in sheet.kept.values())
    assert sheet.runs == len(cards)
    assert len(written(sheet)) < 64 * 1024


@given(st.text(max_size=200))
def test_a_damaged_document_is_no_card_and_no_crash(document: str) -> None:
    assert read(document) is None
    book = LooseLeaves()
    book.note("x/y/z", CARD_TOPIC, document)
    assert list(Scorecards(book).all()) == []


@pytest.mark.parametrize("spoil", ['"verdict": "honest"', '"runs": 1', '"seen": {', '"first": "2'])
def test_a_document_of_other_software_is_no_card_and_no_crash(spoil: str) -> None:
    document = written(merged(None, card()))
    assert spoil in document
    assert read(document.replace(spoil, '"verdict": 3, "x": {' if spoil.endswith("{") else '"v": "q')) is None


def test_a_new_firmware_is_a_new_card_and_shows_what_changed() -> None:
    cards = Scorecards(LooseLeaves())
    cards.add(card(L, does="3600 s"))
    cards.add(card(H, trial="clock", does="true"))
    updated = replace(WHO, firmware="1.1")
    cards.add(card(H, trial="clock", does="true", who=updated, day=1))
    new, old = cards.add(card(H, does="60 s", who=updated, day=2))
    assert old is not None and old.firmware == "1.0"
    assert [(one.trial, one.before, one.after) for one in differences(old, new)] == [("lease", L, H)]
    assert len(cards.all()) == 2


def test_the_oldest_card_gives_way_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.devices.scorecard.kept._MOST_SHEETS", 20)
    cards = Scorecards(LooseLeaves())
    for number in range(23):
        cards.add(card(who=replace(WHO, firmware=f"{number:03d}"), day=number))
    kept = [sheet.firmware for sheet in cards.all()]
    assert (len(kept), kept[0], kept[-1]) == (20, "003", "022")


# --- rules of single trials -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "local_hour", "verdict"),
    [
        ("CST-8", 16, H),
        ("CST-8:00:00", 16, H),
        ("UTC-8:00", 16, H),
        ("CST+8:00:00", 16, L),  # Reolink: the wrong sign
        ("UTC5UTC", 16, L),
        ("MoroccoStandardTime0", 16, L),
        ("Beijing", 16, L),
        ("", 16, N),
        ("CET-1CEST,M3.5.0,M10.5.0/3", 10, H),
        ("CST-8", None, U),
    ],
)
def test_a_zone_is_held_against_the_local_time_shown(
    zone: str, local_hour: int | None, verdict: Verdict
) -> None:
    local = "" if local_hour is None else _time("LocalDateTime", local_hour)
    answer = etree.fromstring(
        f"<r><SystemDateAndTime><TimeZone><TZ>{zone}</TZ></TimeZone>{_time('UTCDateTime', 8)}{local}"
        "</SystemDateAndTime></r>"
    )
    assert judge_zone(answer).verdict is verdict


def _time(tag: str, hour: int) -> str:
    return f"<{tag}><Time><Hour>{hour}</Hour><Minute>5</Minute><Second>1</Second></Time></{tag}>"


def test_topics_are_announced_by_their_marks_whatever_the_prefixes() -> None:
    tree = etree.fromstring(
        "<TopicSet xmlns:t='http://docs.oasis-open.org/wsn/t-1' xmlns:tns1='urn:x'>"
        "<tns1:VideoSource><MotionAlarm t:topic='true'/><Empty/></tns1:VideoSource>"
        "<tns1:Device t:topic='1'/></TopicSet>"
    )
    assert announced_topics(tree) == {"VideoSource/MotionAlarm", "Device"}
    assert announced_topics(None) == set()


@given(st.integers(1, 60), st.sets(st.integers(1, 60), min_size=1, max_size=8))
def test_a_step_goes_to_the_nearest_allowed_value_and_back_again(value: int, listed: set[int]) -> None:
    wanted = neighbour(value, Allowed(values=tuple(listed)))
    others = listed - {value}
    if not others:
        assert wanted is None
        return
    assert wanted in others
    assert isinstance(wanted, int)
    assert not [one for one in others if value > one > wanted]


def test_a_step_stays_within_the_range_and_names_why_there_is_none() -> None:
    assert neighbour(1.0, Allowed(low=1, high=30)) == 2.0
    assert neighbour(5.0, Allowed(low=5, high=5)) is None
    assert neighbour(0.0, Allowed()) is None
    assert rate_step({"main.fps": 25, "sub.fps": 10}, {}) == {"sub.fps": 5}
    assert rate_step({"sub.fps": 25.0}, {"sub.fps": Allowed(low=1, high=25)}) == {"sub.fps": 20.0}
    assert rate_step({"sub.fps": 12}, {"sub.fps": Allowed(values=(12, 8))}) == {"sub.fps": 8}
    assert isinstance(rate_step({}, {}), str)
    assert isinstance(brightness_step({"brightness": "auto"}, {}), str)
    assert brightness_step({"2.brightness": 50.0}, {}) == {"2.brightness": 49.0}


@pytest.mark.parametrize(
    ("claims", "seen", "verdict"),
    [
        (True, True, H),
        (False, True, H),
        (True, False, L),
        (False, False, L),
        (True, None, U),
        (False, None, U),
    ],
)
def test_a_preset_is_judged_by_the_picture_first(claims: bool, seen: bool | None, verdict: Verdict) -> None:
    assert judge_turn(claims=claims, seen=seen)[0] is verdict


class _LivingPicture:
    """An aspect whose automatic gain is another one at every look."""

    name = "imaging"

    def __init__(self) -> None:
        self.brightness = 50.0
        self.looks = 0
        self.written: list[str] = []

    def read(self) -> Settings:
        self.looks += 1
        return {"brightness": self.brightness, "exposure.gain_db": float(self.looks)}

    def allowed(self) -> Mapping[str, Allowed]:
        return {"brightness": Allowed(low=0, high=100)}

    def write(self, wanted: Settings, *, dry_run: bool = False, confirmed: bool = False) -> Change:
        self.written += wanted
        self.brightness = float(str(wanted["brightness"]))
        return Change(self.name, (), dry_run=dry_run)


def test_figures_that_live_by_themselves_are_not_put_back() -> None:
    living = _LivingPicture()
    writer = Writer(Tools("cam", {"imaging": living}, None, bytes, lambda: None, pause=lambda _s: None))  # type: ignore[arg-type]
    made = writer._stepped("set_brightness", "imaging", brightness_step)
    assert made.verdict is H
    assert (living.brightness, living.written, writer.left) == (50.0, ["brightness", "brightness"], [])


# --- pictures -------------------------------------------------------------------------------------------


def street(*, aside_px: int = 0, light: float = 1.0, noise: int = 0, walker_px: int | None = None) -> bytes:
    """A made-up street of 640x360 as JPEG: houses, a road, somebody walking."""
    rng = np.random.default_rng(7)
    picture = np.full((360, 900, 3), 90, np.uint8)
    for left in range(0, 900, 60):
        high = int(rng.integers(60, 220))
        picture[250 - high : 250, left : left + 50] = rng.integers(40, 230, 3)
    picture[250:] = 60
    seen = picture[:, aside_px : aside_px + 640].astype(np.float32)
    if walker_px is not None:
        seen[180:300, walker_px : walker_px + 40] = 20
    if noise:
        seen = seen + np.random.default_rng(noise).normal(0, 6, seen.shape).astype(np.float32)
    return cv2.imencode(".jpg", np.clip(seen * light, 0, 255).astype(np.uint8))[1].tobytes()


def test_a_turned_view_is_told_from_a_standing_one() -> None:
    still, again = street(noise=1), street(noise=2)
    assert moved(still, again, street(aside_px=80)) is True
    assert moved(still, again, street(noise=3)) is False
    assert moved(still, again, street(light=0.6, noise=3)) is False, "a cloud is no turn"
    assert moved(still, again, street(walker_px=300, noise=3)) is False, "somebody who walks by is no turn"


def test_pictures_that_cannot_tell_say_so() -> None:
    night = cv2.imencode(".jpg", np.full((360, 640, 3), 12, np.uint8))[1].tobytes()
    assert moved(night, night, night) is None
    assert moved(street(), street(aside_px=120), street()) is None, "a scene that never stands still"
    assert moved(b"\xff\xd8\xff\xe0still", street(), street()) is None
    assert moved(b"", b"", b"") is None


def test_a_picture_that_says_it_is_huge_is_not_decoded() -> None:
    jpeg = bytearray(street())
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = b"\xff\xff\xff\xff"
    assert size_of(bytes(jpeg)) == (65535, 65535)
    assert moved(bytes(jpeg), bytes(jpeg), bytes(jpeg)) is None
    assert size_of(street()) == (640, 360)


@given(st.binary(max_size=300))
def test_bytes_that_are_no_picture_have_no_size_or_a_bounded_one(tail: bytes) -> None:
    size = size_of(b"\xff\xd8" + tail)
    assert size is None or max(size) <= 65535
