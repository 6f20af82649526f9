"""Stored views shown, saved and taken anew by hand; a head that lies is named, an honest one is not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.detect.vqd.look import Look
from agent.detect.vqd.reference import Reference
from agent.detect.vqd.stored import Light, StoredView
from agent.model import Device
from agent.services.reference_shelf import ReferenceShelf, StoredReference, masks_of
from agent.video.stills import small_still
from protocol.words import DeviceClass
from simulator.device.place import Position
from tests.agent.cli.test_devices import (  # noqa: F401 - fixtures
    Run,
    county,
    logging_left_as_it_was,
    run,
)
from tests.agent.detect.mini_scene import Camera, place
from tests.support.virtual_county import RunningCounty

AT = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)


def put(folder: Path, *, light: Light = Light.DAY, position: str = "") -> ReferenceShelf:
    shelf = ReferenceShelf(folder / "references")
    image = Camera().look()
    view = StoredView(light, (180, 320), Reference.of([Look.at(image)]), position)
    cam = Device("cam", DeviceClass.PTZ_DOME, "127.0.0.1")
    assert shelf.keep(cam, StoredReference(view, small_still(image, ()).content, AT, masks_of(cam)))
    return shelf


@pytest.fixture
def lens(county: RunningCounty, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """The dome shows a place, from where its lens points."""
    wide = cv2.resize(place(), (640, 360))
    jpeg = cv2.imencode(".jpg", wide)[1].tobytes()
    monkeypatch.setattr(county.device("cam").picture, "snapshot", lambda _token: jpeg)
    monkeypatch.setattr("agent.devices.upkeep.head.TURN_S", 6.0)
    monkeypatch.setattr("simulator.device.ptz.SPEED_PER_S", 5.0)


@pytest.fixture
def at_gate(lens: None, run: Run) -> None:  # noqa: F811
    """The head stands at its first preset."""
    assert run("presets", "cam", "--go", "1")[0] == 0


@pytest.fixture
def by_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.cli.references.daylight", lambda _at, **_where: True)


def told(run: Run, *words: str) -> dict[str, object]:  # noqa: F811
    document = json.loads(run(*words, "--json")[1])
    assert isinstance(document, dict)
    return document


def test_stored_views_are_shown_with_date_light_and_position(run: Run, tmp_path: Path) -> None:  # noqa: F811
    assert "还没有基准画面" in run("references")[1]
    put(tmp_path)
    put(tmp_path, light=Light.GREY, position="3")
    status, out, _ = run("references", "cam")
    assert status == 0
    assert "2026-11-23 12:30" in out and "白天 day" in out and "红外黑白 infrared" in out and "固定" in out
    documents = json.loads(run("references", "--json")[1])
    assert [(one["light"], one["position"]) for one in documents] == [("day", None), ("grey", "3")]


def test_their_stills_are_saved_with_the_masks_of_now(run: Run, tmp_path: Path) -> None:  # noqa: F811
    put(tmp_path, position="../3")
    status, out, _ = run("references", "cam", "--save", str(tmp_path / "out"))
    (still,) = (tmp_path / "out").iterdir()
    assert status == 0 and still.name == "cam-day-___3.jpg" and str(still) in out
    picture = cv2.imdecode(np.frombuffer(still.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None and picture.shape == (180, 320) and picture.std() > 10


def test_taken_anew_only_after_a_yes(run: Run, tmp_path: Path) -> None:  # noqa: F811
    shelf = put(tmp_path)
    assert run("references", "--retake", "--yes")[0] == 2
    assert run("references", "cam", "--retake")[0] == 3
    assert len(shelf.stamp("cam")) == 1
    status, out, _ = run("references", "cam", "--retake", "--yes")
    assert status == 0 and "已删除 1 个" in out and shelf.stamp("cam") == frozenset()


@pytest.mark.usefixtures("at_gate", "by_day")
def test_an_honest_head_obeys_and_stands_where_it_stood(
    run: Run,  # noqa: F811
    county: RunningCounty,  # noqa: F811
    tmp_path: Path,
) -> None:
    head = county.device("cam").head
    assert head is not None
    before = head.position()
    first = told(run, "ptz-check", "cam", "--yes")
    assert (first["outcome"], first["back"], first["tries"]) == ("honest", True, 1)
    assert len(list((tmp_path / "references" / "cam").iterdir())) == 2, "what it saw is stored"
    second = told(run, "ptz-check", "cam", "--yes", "--preset", str(first["preset"]))
    assert (second["outcome"], second["stored"]) == ("honest", [])
    assert head.position() == before


@pytest.mark.usefixtures("at_gate", "by_day")
def test_a_head_whose_lens_stays_behind_is_named(
    run: Run,  # noqa: F811
    county: RunningCounty,  # noqa: F811
) -> None:
    """It says that it turned, and it is there; its picture is the one of before."""
    county.switch("cam", loose_lens=True)
    status, out, _ = run("ptz-check", "cam", "--yes")
    assert status == 1 and "V13 云台失控" in out and "画面未变" in out
    county.switch("cam", loose_lens=False)
    assert run("ptz-check", "cam", "--yes")[0] == 0


@pytest.mark.usefixtures("at_gate", "by_day")
def test_a_head_that_does_not_move_whatever_it_answers_is_named(
    run: Run,  # noqa: F811
    county: RunningCounty,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.devices.upkeep.head.TURN_S", 0.3)
    county.switch("cam", stuck_head=True)
    document = told(run, "ptz-check", "cam", "--yes")
    assert (document["outcome"], document["tries"]) == ("stuck", 2)


@pytest.mark.usefixtures("at_gate", "by_day")
def test_a_preset_that_shows_another_view_than_is_stored_is_named(
    run: Run,  # noqa: F811
    county: RunningCounty,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Turned by hand in its bracket, or the preset lost: the picture changes, to a wrong one."""
    put(tmp_path, position="3")
    document = told(run, "ptz-check", "cam", "--yes", "--preset", "3")
    assert document["outcome"] == "stuck"
    assert county.device("cam").head is not None


@pytest.mark.usefixtures("lens")
def test_a_head_in_somebodys_hands_is_left_alone(run: Run, county: RunningCounty) -> None:  # noqa: F811
    head = county.device("cam").head
    assert head is not None
    tour = json.loads(run("tours", "cam", "--make", "round", "--spot", "1:5", "--spot", "3:20", "--json")[1])
    run("tours", "cam", "--start", tour["tours"][0]["token"])
    assert told(run, "ptz-check", "cam", "--yes")["outcome"] == "in_use"
    run("tours", "cam", "--remove", tour["tours"][0]["token"])
    head.go(Position(0.3, 0.3, 0.0))
    head.stop()
    assert told(run, "ptz-check", "cam", "--yes")["outcome"] == "in_use", "it stands at no preset"
    assert county.device("cam").counters["op_GotoPreset"] == 0


@pytest.mark.usefixtures("at_gate")
def test_an_integrated_dome_is_not_even_looked_at(
    run: Run,  # noqa: F811
    county: RunningCounty,  # noqa: F811
    tmp_path: Path,
) -> None:
    box = tmp_path / "box.toml"
    box.write_text(box.read_text().replace("ptz_dome", "integrated"))
    before = dict(county.device("cam").counters)
    status, out, err = run("ptz-check", "cam", "--yes")
    assert status == 1 and "GotoPreset" in out + err
    assert dict(county.device("cam").counters) == before


def test_nothing_moves_without_a_yes_and_an_integrated_head_never(
    run: Run,  # noqa: F811
    county: RunningCounty,  # noqa: F811
) -> None:
    assert run("ptz-check", "cam")[0] == 3
    assert run("ptz-check", "police", "--yes")[0] == 1
    for name in ("cam", "police"):
        assert county.device(name).counters["op_GotoPreset"] == 0
