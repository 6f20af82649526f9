"""Who is let in, and who not."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from controller.db import boxes
from controller.db.transaction import Store
from controller.services.boxes import BoxRefused, read_key, register, revoke
from tests.support.village import Centre

GOOD: dict[str, Any] = {
    "box_id": "b1",
    "title": "四知村",
    "civil_code": "610522101001",
    "mac_key": b"k" * 32,
}


def add(centre: Centre, **changes: Any) -> None:
    with centre.store.write() as transaction:
        register(transaction, now=centre.clock.now(), **{**GOOD, **changes})


def test_a_registered_box_has_a_place_and_an_open_interval(store: Store) -> None:
    centre = Centre(store)
    add(centre)
    assert centre.row("box")["town_code"] == "610522101"
    assert centre.intervals("b1", "box") == [("unknown", "starting")]
    centre.assert_lawful()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"box_id": "Box 1"}, "Box 1"),
        ({"box_id": ""}, "''"),
        ({"civil_code": "６１０５２２"}, "６１０５２２"),
        ({"civil_code": "61052"}, "61052"),
        ({"mac_key": b"short"}, "32"),
    ],
)
def test_what_cannot_be_registered_is_named(store: Store, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(BoxRefused, match=named):
        add(Centre(store), **changes)


def test_an_id_is_given_once(store: Store) -> None:
    centre = Centre(store)
    add(centre)
    with pytest.raises(BoxRefused, match="registered already"):
        add(centre)


def test_revoking_a_box_nobody_knows_is_refused(store: Store) -> None:
    with pytest.raises(BoxRefused, match="b9"), store.write() as transaction:
        revoke(transaction, "b9")


def test_a_credential_does_not_show_its_key(store: Store) -> None:
    centre = Centre(store)
    add(centre)
    with store.read() as connection:
        known = boxes.credential(connection, "b1")
    assert known is not None
    assert known.mac_key == b"k" * 32
    assert "kkk" not in repr(known)


def test_a_key_file_is_read_and_a_bad_one_is_named_without_its_content(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.key", tmp_path / "bad.key"
    good.write_text(base64.b64encode(b"k" * 32).decode() + "\n")
    bad.write_text("s3cr3t !")
    assert read_key(good) == b"k" * 32
    with pytest.raises(BoxRefused, match=r"bad\.key") as refused:
        read_key(bad)
    assert "s3cr3t" not in str(refused.value)
