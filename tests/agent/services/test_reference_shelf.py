"""Stored views on the disk: whole, small, bounded, and dropped when they cannot be trusted."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.detect.vqd.look import Look
from agent.detect.vqd.reference import Reference
from agent.detect.vqd.stored import Light, StoredView
from agent.model import Image, Zone, ZoneKind
from agent.services.reference_shelf import (
    MAX_BYTES,
    MOST_OF_DEVICE,
    ReferenceShelf,
    StoredReference,
    decoded,
    encoded,
    masks_of,
)
from agent.video.stills import SMALL_BYTES, small_still
from tests.agent.detect.mini_scene import HEIGHT, WIDTH, Camera
from tests.agent.services.fakes import device

AT = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)


def chroma() -> Image:
    return np.full((45, 80, 2), 120, np.uint8)


def reference(
    light: Light = Light.DAY, *, position: str = "", size: tuple[int, int] = (HEIGHT, WIDTH)
) -> StoredReference:
    image = Camera().look()
    view = StoredView(light, size, Reference.of([Look.at(image, chroma())]), position)
    return StoredReference(view, small_still(image, ()).content, AT, masks_of(device()))


def test_what_is_written_is_read() -> None:
    stored = reference(Light.GREY, position="预置位 1")
    again = decoded(encoded(stored))
    assert (again.view.light, again.view.position, again.view.size) == (Light.GREY, "预置位 1", (180, 320))
    assert (again.still, again.taken, again.masks) == (stored.still, AT, stored.masks)
    for name in ("small", "edges", "contrast", "down", "across", "chroma"):
        before, after = getattr(stored.view.reference, name), getattr(again.view.reference, name)
        assert np.allclose(before, after, atol=0.6, rtol=1e-3), name
    assert again.view.reference.usual_sharpness == stored.view.reference.usual_sharpness


def test_the_noisiest_picture_fits() -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 255, (720, 1280, 3)).astype(np.uint8)
    still = small_still(noise, ()).content
    assert len(still) < SMALL_BYTES
    grey = np.asarray(cv2.cvtColor(noise, cv2.COLOR_BGR2GRAY), np.uint8)
    view = StoredView(Light.DAY, (720, 1280), Reference.of([Look.at(grey, chroma())]))
    assert len(encoded(StoredReference(view, still, AT, ""))) < MAX_BYTES


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 40_000), mask=st.integers(1, 255), cut=st.booleans())
def test_a_damaged_file_is_refused(at: int, mask: int, cut: bool) -> None:
    good = encoded(_SAMPLE)
    at %= len(good)
    damaged = good[:at] if cut else good[:at] + bytes([good[at] ^ mask]) + good[at + 1 :]
    with pytest.raises(ValueError, match=r"\w"):
        decoded(damaged)


def test_a_damaged_file_is_dropped_with_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = ReferenceShelf(tmp_path)
    assert shelf.keep(device(), reference())
    assert shelf.keep(device(), reference(Light.NIGHT))
    (first, second) = sorted((tmp_path / "gate-1").glob("*.ref"))
    first.write_bytes(first.read_bytes()[:-9])
    with caplog.at_level(logging.WARNING):
        (left,) = shelf.of(device())
    assert left.view.light is Light.NIGHT and second.exists() and not first.exists()
    assert "gate-1" in caplog.text and "dropped" in caplog.text


def test_what_cannot_even_be_removed_stops_nobody(tmp_path: Path) -> None:
    shelf = ReferenceShelf(tmp_path)
    shelf.keep(device(), reference())
    (tmp_path / "gate-1" / "night-fixed.ref").mkdir()
    assert [one.view.light for one in shelf.of(device())] == [Light.DAY]


def test_what_a_power_cut_left_half_written_is_removed(tmp_path: Path) -> None:
    shelf = ReferenceShelf(tmp_path)
    shelf.keep(device(), reference())
    stray = tmp_path / "gate-1" / ".day-fixed.ref.x1"
    stray.write_bytes(b"half")
    shelf.tidy()
    assert stray.exists(), "somebody may be writing it"
    os.utime(stray, (1.0, 1.0))
    shelf.tidy()
    assert not stray.exists() and len(shelf.of(device())) == 1


def test_under_other_privacy_masks_what_was_stored_is_dropped(tmp_path: Path) -> None:
    shelf = ReferenceShelf(tmp_path)
    shelf.keep(device(), reference())
    zone = Zone("window", ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5)), kind=ZoneKind.PRIVACY)
    masked = replace(device(), zones=(zone,))
    assert list(shelf.of(masked)) == [] and not list(tmp_path.rglob("*.ref"))


def test_one_view_replaces_another_of_its_light_and_position(tmp_path: Path) -> None:
    shelf = ReferenceShelf(tmp_path)
    shelf.keep(device(), reference())
    before = shelf.stamp("gate-1")
    shelf.keep(device(), reference(size=(360, 640)))
    assert [one.view.size for one in shelf.of(device())] == [(360, 640)]
    assert shelf.stamp("gate-1") != before
    assert shelf.strike("gate-1") == 1 and shelf.stamp("gate-1") == frozenset()


def test_their_number_is_bounded(tmp_path: Path) -> None:
    shelf = ReferenceShelf(tmp_path)
    stored = [reference(position=str(number)) for number in range(MOST_OF_DEVICE + 1)]
    assert [shelf.keep(device(), one) for one in stored] == [True] * MOST_OF_DEVICE + [False]
    assert shelf.keep(device(), stored[0]), "what is there may be renewed"


@pytest.mark.parametrize("name", ["..", "a/b", "", "host:80", ".hidden"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    shelf = ReferenceShelf(tmp_path / "references")
    assert not shelf.keep(device(name), reference())
    assert list(shelf.of(device(name))) == [] and shelf.strike(name) == 0
    assert list(tmp_path.rglob("*")) == []


_SAMPLE = reference()
