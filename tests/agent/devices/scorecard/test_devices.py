"""Cards of simulated devices: the golden file, those that lie, what is written and put back."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.devices import OnvifRoom
from agent.devices.limits import Limits
from agent.devices.scorecard import Card, Mark, Pace, Verdict
from agent.devices.scorecard.listening import Terms
from agent.devices.scorecard.writing import Tools, Writer
from agent.errors import DeviceError, DeviceTrouble
from agent.outbox.notebook import SqliteNotebook
from protocol.words import DeviceClass
from simulator.device.personality import PERSONALITIES, Lifetime
from simulator.device.ports import MovingPicture, StreamServer
from tests.agent.devices.builders import a_device
from tests.agent.devices.scorecard.test_rules import street
from tests.support.hostile import ATTACKS, Hostile, answering
from tests.support.processes import wait_until
from tests.support.recorded import Recorded, answer_to, onvif_data, recorded_devices
from tests.support.scorecards import BRIEF, GOLDEN, cards, row, text_of
from tests.support.virtual_county import RunningCounty, StillLens, entry, running

H, L, U, N = Verdict.HONEST, Verdict.LIES, Verdict.UNDECIDED, Verdict.NOT_OFFERED
WRITES = ("set_rate", "set_brightness", "set_clock_mode", "set_text", "preset")
HASTY = Pace(card_s=3, group_s=0.5, terms=Terms(pull_s=1.0, brief_s=0.1))
QUICK = Limits(total_s=2.0, connect_s=1.0, unsubscribe_s=1.0)


class Street(StillLens):
    """A lens that looks at a street."""

    def snapshot(self, token: str) -> bytes:
        return street()


def looking(_entry: object) -> tuple[MovingPicture, StreamServer | None]:
    return Street(), None


@contextmanager
def device(kind: str = "camera", **more: object) -> Iterator[RunningCounty]:
    with running(entry("cam", kind=kind, **more), equip=looking) as county:
        yield county


def change(county: RunningCounty, name: str = "cam", **fields: object) -> None:
    one = county.device(name)
    one.personality = replace(one.personality, **fields)  # type: ignore[arg-type]


def judged(county: RunningCounty, *, write: bool = False, room: OnvifRoom | None = None) -> dict[str, Mark]:
    card = (room or OnvifRoom(limits=QUICK)).examine(row(county, "cam"), write=write, pace=BRIEF)
    assert not card.left
    return {one.trial: one for one in card.marks}


def counters(county: RunningCounty, name: str = "cam") -> dict[str, int]:
    return county.call(lambda: dict(county.device(name).counters))


def settings(county: RunningCounty, name: str = "cam") -> dict[str, object]:
    """Everything that can be set, as the device itself holds it."""

    def all_of() -> dict[str, object]:
        one = county.device(name)
        return {
            "encoders": dict(one.encoders),
            "imaging": dict(one.imaging),
            "optics": {name: dict(group) for name, group in one.optics.items()},
            "overlays": dict(one.overlays),
            "time": (one.time_mode, one.time_zone, one.ntp_servers),
            "presets": {} if one.head is None else dict(one.head.presets),
            "network": (one.hostname, one.protocols),
            "users": [account.username for account in one.users.all()],
        }

    return county.call(all_of)


# --- the golden file ------------------------------------------------------------------------------------


def test_every_make_gets_the_card_it_deserves_within_a_minute_and_leaves_nothing_behind() -> None:
    """``python -m tests.support.scorecards --write`` writes the golden file anew."""
    with running(*(entry(name, personality=name) for name in PERSONALITIES)) as county:
        began = time.monotonic()
        made = cards(county, PERSONALITIES)
        assert time.monotonic() - began < 60
        assert text_of(made) == GOLDEN.read_text("utf-8")
        for name in PERSONALITIES:
            assert county.call(lambda name=name: county.device(name).events.live()) == []  # type: ignore[misc]
            seen = counters(county, name)
            assert seen["op_CreatePullPointSubscription"] == 1
            assert not [key for key in seen if key.startswith("auth_") and key != "auth_missing"], seen
            assert not county.device(name).users.locked()
            writes = [key for key in seen if key.startswith(("op_Set", "op_Create", "op_Goto", "op_Start"))]
            assert set(writes) <= {"op_SetSynchronizationPoint", "op_CreatePullPointSubscription"}


# --- who lies is found out -------------------------------------------------------------------------------


LIES: Mapping[str, tuple[str, Mapping[str, object], str, str]] = {
    "claims-none": ("plain", {"claims_pull_points": False}, "pull_point", "true"),
    "minutes-for-seconds": ("plain", {"lifetime": Lifetime.SECONDS_AS_MINUTES}, "lease", "3600 s"),
    "always-60": ("plain", {"lifetime": Lifetime.ALWAYS_60_S}, "renew", "60 s"),
    "no-units": ("plain", {"lifetime": Lifetime.UNIT_IGNORED}, "minutes", "2 s"),
    "absolute": ("plain", {"lifetime": Lifetime.ABSOLUTE}, "lease", "60 s"),
    "no-renew": ("plain", {"absent_operations": frozenset({"Renew"})}, "renew", "-"),
    "no-states": ("plain", {"absent_operations": frozenset({"SetSynchronizationPoint"})}, "states", "false"),
    "no-services": ("plain", {"absent_operations": frozenset({"GetServices"})}, "services", "false"),
    "no-snapshot": ("plain", {"absent_operations": frozenset({"GetSnapshotUri"})}, "snapshot", "false"),
    "no-uris": ("plain", {"absent_operations": frozenset({"GetSystemUris"})}, "backup", "false"),
    "dead-media2": ("plain", {"dead_media2": True}, "media2", "false"),
    "cuts-pulls": ("plain", {"longest_pull_s": 1.2, "drops_long_pulls": True}, "long_pull", "1 s"),
    "tells-secrets": ("reolink-like", {}, "snapshot_secret", "false"),
}


def test_every_lie_is_found_out_and_no_slot_stays() -> None:
    with running(*(entry(name, personality=lie[0]) for name, lie in LIES.items())) as county:
        for name, (_, fields, _, _) in LIES.items():
            change(county, name, **fields)
        made = cards(county, LIES, pace=Pace(terms=Terms(pull_s=1.6, brief_s=0.1)))
        for name, (_, _, trial, does) in LIES.items():
            found = {one.trial: one for one in made[name].marks}[trial]
            assert (name, found.verdict, found.does) == (name, L, does), found
            assert county.call(county.device(name).events.live) == []


def test_addresses_that_name_another_host_are_told() -> None:
    with device() as county:
        county.switch(wrong_host_xaddr=True)
        found = judged(county)
        assert {found[trial].verdict for trial in ("addresses", "stream_address")} == {L}
        assert found["snapshot"].verdict is H
        assert "另一台主机" in found["snapshot"].evidence


def test_junk_for_an_address_is_a_lie_and_no_crash() -> None:
    junk = {"a": "rtsp://[bad", "b": "http://127.0.0.1:99999/x", "c": "", "d": "\u202ertsp:// /", "e": "rtsp"}
    with running(*(entry(name) for name in junk)) as county:
        for name, uri in junk.items():
            county.device(name).stream_url = lambda _token, uri=uri: uri  # type: ignore[misc]
        for name, card in cards(county, junk, pace=BRIEF).items():
            found = {one.trial: one for one in card.marks}
            assert found["stream_address"].verdict is L, name


def test_no_free_slot_is_told_and_takes_none() -> None:
    with device(personality="reolink-like") as county:
        others = [OnvifRoom(limits=QUICK).subscribe(row(county, "cam")) for _ in range(2)]
        for other in others:
            other.pull()
        found = judged(county)
        assert (found["pull_point"].verdict, found["slots"].verdict) == (U, L)
        assert len(county.call(county.device().events.live)) == 2
        for other in others:
            other.close()


def test_what_was_found_is_used_at_once_by_the_room() -> None:
    with device(personality="bosch-like") as county:
        room = OnvifRoom(limits=QUICK)
        judged(county, room=room)
        subscription = room.subscribe(row(county, "cam"))
        with contextlib.closing(subscription):
            subscription.pull()
            left_s = county.call(lambda: county.device().events.left_s(county.device().events.live()[0]))
        assert left_s <= 60


def test_a_card_that_is_interrupted_gives_the_slot_back() -> None:
    with device() as county:

        def interrupted(one: Mark) -> None:
            if one.trial == "lease":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            OnvifRoom(limits=QUICK).examine(row(county, "cam"), told=interrupted, pace=BRIEF)
        wait_until(
            lambda: county.call(county.device().events.live) == [], within_s=3, what="the slot is free"
        )


def test_after_a_refused_password_nothing_more_is_asked() -> None:
    with device(personality="dahua-like") as county:
        wrong = replace(row(county, "cam"), password=replace(row(county, "cam").password, reveal="wrong"))
        room = OnvifRoom(limits=QUICK)
        for _ in range(20):
            with pytest.raises(DeviceError) as told:
                room.examine(wrong, pace=BRIEF)
            assert told.value.kind in (DeviceTrouble.AUTH_FAILED, DeviceTrouble.AUTH_BACKOFF)
        assert counters(county)["auth_wrong_password"] == 1
        assert not county.device().users.locked()


@pytest.mark.parametrize("personality", ["dahua-like", "bosch-like"])
def test_a_password_that_is_changed_in_the_middle_is_noticed_before_the_account_locks(
    personality: str,
) -> None:
    with device(personality=personality) as county:

        def told(one: Mark) -> None:
            if one.trial == "addresses":
                county.switch(wrong_password=True)

        with pytest.raises(DeviceError) as raised:
            OnvifRoom(limits=QUICK).examine(row(county, "cam"), told=told, pace=BRIEF)
        assert raised.value.kind is DeviceTrouble.AUTH_FAILED
        tries = sum(n for key, n in counters(county).items() if key.startswith("auth_wrong"))
        assert 1 <= tries <= 3, counters(county)
        assert not county.device().users.locked()


def test_every_recorded_device_gets_a_card_or_a_reason() -> None:
    for recorded in recorded_devices(onvif_data()):
        room, began = OnvifRoom(limits=QUICK), time.monotonic()
        try:
            card = _card_of_a_recorded(recorded, room)
        except DeviceError as error:
            assert error.kind is DeviceTrouble.NOT_SUPPORTED, recorded.name
            continue
        assert time.monotonic() - began < 5
        sheet, _ = room.scorecards.add(card)
        assert [*room.scorecards.all()] == [sheet], recorded.name


def _card_of_a_recorded(recorded: Recorded, room: OnvifRoom) -> Card:
    ports: list[int] = []
    with answering(lambda request: _recorded(recorded, request, ports[0])) as server:
        ports.append(server.port)
        return room.examine(a_device(port=server.port), pace=HASTY)


def _recorded(device: Recorded, request: bytes, port: int) -> bytes:
    if request.startswith(b"GET"):
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    return answer_to(device, request, port)


@pytest.mark.parametrize("fault", ["hung", "html_200", "broken_xml", "entity_bomb", "redirect"])
def test_a_device_that_cannot_be_asked_raises_its_trouble_in_time(fault: str) -> None:
    with device() as county:
        county.switch("cam", **{fault: True})
        began = time.monotonic()
        with pytest.raises(DeviceError):
            OnvifRoom(limits=replace(QUICK, total_s=1.0)).examine(
                row(county, "cam"), pace=Pace(card_s=6, terms=Terms(pull_s=1.0, brief_s=0.1))
            )
        assert time.monotonic() - began < 8
        county.switch("cam", **{fault: False})


def test_a_device_that_hangs_in_the_middle_ends_the_card_in_time() -> None:
    with device() as county:

        def told(one: Mark) -> None:
            if one.trial == "media2":
                county.switch(hung=True)

        began = time.monotonic()
        card = OnvifRoom(limits=QUICK).examine(
            row(county, "cam"),
            told=told,
            pace=Pace(card_s=8, group_s=2, terms=Terms(pull_s=1.0, brief_s=0.1)),
        )
        assert time.monotonic() - began < 11
        county.switch(hung=False)
        found = {one.trial: one for one in card.marks}
        assert found["media2"].verdict is H
        assert {found[trial].verdict for trial in ("not_supported", "pull_point")} <= {U, L}


def test_hostile_devices_get_no_card_and_do_no_harm() -> None:
    """All of them at once: each ends in time."""
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(_card_of_a_hostile, sorted(ATTACKS))) == [None] * len(ATTACKS)
    assert time.monotonic() - began < 30


def _card_of_a_hostile(name: str) -> Card | None:
    with Hostile(name) as hostile, contextlib.suppress(DeviceError):
        room = OnvifRoom(limits=replace(QUICK, total_s=0.5))
        return room.examine(a_device(port=hostile.port, name="bad"), pace=HASTY)
    return None


def test_a_card_holds_no_secret_and_no_address(tmp_path: Path) -> None:
    with device(personality="reolink-like") as county:
        book = SqliteNotebook(tmp_path / "n.db")
        room = OnvifRoom(limits=QUICK, notebook=book)
        sheet, _ = room.scorecards.add(room.examine(row(county, "cam"), pace=BRIEF))
        documents = "".join(
            text for topic in ("scorecard", "habits", "make") for text in book.notes(topic).values()
        )
        book.close()
        assert sheet.make in ("Reolink/RLC-520A/v3.1.0.956_22041503",)
        for secret in ("pass-word-1", county.device().ip, "admin"):
            assert secret not in documents
        assert len(documents) < 20_000


# --- trials that write -----------------------------------------------------------------------------------


def test_an_honest_dome_keeps_what_is_set_and_everything_is_put_back() -> None:
    with device("ptz_dome", personality="hik-like") as county:
        county.device().ntp_servers = ("192.0.2.1",)
        before = settings(county)
        found = judged(county, write=True)
        assert {trial: found[trial].verdict for trial in WRITES} == dict.fromkeys(WRITES, H), found
        assert settings(county) == before
        assert counters(county)["op_SetImagingSettings"] >= 2
        head = county.device().head
        assert head is not None
        assert abs(head.position().pan) < 0.01


def test_a_set_that_is_not_kept_and_a_head_that_stays_are_lies_and_change_nothing() -> None:
    """The head says that it turns: the picture tells."""
    with device("ptz_dome") as county:
        county.switch(lying_set=True, loose_lens=True)
        before = settings(county)
        found = judged(county, write=True)
        assert {found[trial].verdict for trial in ("set_rate", "set_brightness", "set_text")} == {L}
        assert (found["preset"].verdict, found["preset"].does) == (L, "picture stays")
        assert settings(county) == before


def test_a_fixed_camera_is_asked_for_no_preset_and_a_wrong_clock_for_no_mode() -> None:
    with device() as county:
        county.device().ntp_servers = ("192.0.2.1",)
        county.switch(clock_offset_s=-100)
        found = judged(county, write=True)
        assert found["preset"].verdict is N
        assert found["set_clock_mode"].verdict is U
        assert county.call(county.device().faults.active) == {"clock_offset_s": -100}


@pytest.mark.parametrize("fault", ["drop_before_write", "drop_after_write"])
def test_a_device_that_cuts_the_line_over_a_write_is_left_as_it_was(fault: str) -> None:
    with device("ptz_dome") as county:
        before = settings(county)
        county.switch("cam", **{fault: True})
        card = OnvifRoom(limits=QUICK).examine(row(county, "cam"), write=True, pace=BRIEF)
        county.switch("cam", **{fault: False})
        assert not card.left
        assert counters(county)["op_SetPreset"] == 1, "a write is sent at most once"
        assert settings(county) == before


def test_a_device_that_goes_away_in_the_middle_of_a_write_is_put_back_when_it_is_there_again() -> None:
    with device() as county:
        before = settings(county)
        room = OnvifRoom(limits=QUICK)
        away = threading.Thread(target=_away_after_the_first_write, args=(county,))
        away.start()
        card = room.examine(row(county, "cam"), write=True, pace=BRIEF)
        away.join()
        assert not card.left
        assert settings(county) == before


def _away_after_the_first_write(county: RunningCounty) -> None:
    wait_until(
        lambda: counters(county).get("op_SetVideoEncoderConfiguration", 0) > 0, within_s=20, what="a write"
    )
    county.switch(unplugged=True)
    time.sleep(1.5)  # how long it is away
    county.switch(unplugged=False)


def test_what_cannot_be_put_back_is_told_with_its_values(caplog: pytest.LogCaptureFixture) -> None:
    """The device takes the step and refuses the way back."""
    with device() as county, caplog.at_level(logging.ERROR):
        refusing = threading.Thread(target=_lie_after_the_first_write, args=(county,))
        refusing.start()
        card = OnvifRoom(limits=QUICK).examine(row(county, "cam"), write=True, pace=BRIEF)
        refusing.join()
        assert len(card.left) == 1
        assert "third.fps=25" in card.left[0] and "手工" in card.left[0]
        assert "could not put back" in caplog.text
        found = {one.trial: one for one in card.marks}
        assert "没有恢复" in found["set_rate"].evidence


def _lie_after_the_first_write(county: RunningCounty) -> None:
    wait_until(
        lambda: county.device().encoders["third"].fps != 25, within_s=20, what="a write", every_s=0.001
    )
    county.device().faults = county.device().faults.changed({"lying_set": True})


def test_an_integrated_device_is_examined_and_never_written() -> None:
    with device("ptz_dome") as county:
        police = row(county, "cam", DeviceClass.INTEGRATED)
        room = OnvifRoom(limits=QUICK)
        with pytest.raises(DeviceError) as told:
            room.examine(police, write=True, pace=BRIEF)
        assert told.value.kind is DeviceTrouble.READ_ONLY
        assert counters(county).get("requests", 0) == 0
        card: Card = room.examine(police, pace=BRIEF)
        assert {one.trial: one for one in card.marks}["pull_point"].verdict is H
        assert not _written(county)


def test_each_writing_trial_by_itself_sends_an_integrated_device_nothing() -> None:
    """Were the first door left open, the rooms behind it refuse."""
    with device("ptz_dome") as county:
        county.device().ntp_servers = ("192.0.2.1",)
        police = row(county, "cam", DeviceClass.INTEGRATED)
        room = OnvifRoom(limits=QUICK)
        with (
            contextlib.closing(room.settings(police)) as aspects,
            contextlib.closing(room.upkeep(police)) as upkeep,
            contextlib.closing(room.open(police)) as adapter,
        ):
            writer = Writer(Tools("cam", aspects, upkeep.head, adapter.snapshot, lambda: 0.0))
            found = list(writer.marks())
        assert {one.verdict for one in found} == {U}
        assert writer.left == []
        assert not _written(county)


def _written(county: RunningCounty) -> list[str]:
    writes = ("op_Set", "op_Create", "op_Delete", "op_Goto", "op_Remove", "op_Start", "op_System")
    allowed = {"op_SetSynchronizationPoint", "op_CreatePullPointSubscription"}
    return [name for name in counters(county) if name.startswith(writes) and name not in allowed]
