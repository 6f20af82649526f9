"""Presets and tours by hand, against a simulated dome; and that an integrated one is left alone."""

from __future__ import annotations

import json

import pytest

from tests.agent.cli.test_devices import (  # noqa: F401 - fixtures
    Run,
    county,
    logging_left_as_it_was,
    run,
)
from tests.support.virtual_county import RunningCounty


def test_a_tour_is_made_run_and_removed_by_hand(run: Run, county: RunningCounty) -> None:  # noqa: F811
    assert "没有巡航" in run("tours", "cam")[1]
    status, out, _ = run("tours", "cam", "--make", "round", "--spot", "1:5", "--spot", "3:20", "--json")
    assert status == 0
    (made,) = json.loads(out)["tours"]
    assert [spot["stay_s"] for spot in made["spots"]] == [5.0, 20.0]
    head = county.device("cam").head
    assert head is not None
    status, out, _ = run("tours", "cam", "--start", made["token"])
    assert status == 0 and "Touring" in out and "1:5 3:20" in out
    assert head.tours.running() is not None
    assert "Idle" in run("tours", "cam", "--stop", made["token"])[1]
    assert "没有巡航" in run("tours", "cam", "--remove", made["token"])[1]


def test_what_is_no_tour_is_told(run: Run) -> None:  # noqa: F811
    assert run("tours", "cam", "--start", "7")[0] == 1
    assert run("tours", "cam", "--make", "round")[0] == 2
    assert run("tours", "cam", "--make", "round", "--spot", "1:soon", "--spot", "2")[0] == 2
    assert run("tours", "cam", "--make", "round", "--spot", "9", "--spot", "2")[0] == 1


def test_presets_are_stored_turned_to_and_removed_by_hand(run: Run) -> None:  # noqa: F811
    status, out, _ = run("presets", "cam", "--home")
    assert status == 0 and "nobody can compare" in out
    assert "shows only after turning away" in run("presets", "cam", "--set-home")[1]
    assert "stands at home, compared" in run("presets", "cam", "--set-home", "--home")[1]
    status, out, _ = run("presets", "cam", "--store", "well")
    assert status == 0 and "well" in out
    assert run("presets", "cam", "--go", "2")[0] == 0
    token = next(
        one["token"] for one in json.loads(run("presets", "cam", "--json")[1])["presets"]
        if one["name"] == "well"
    )  # fmt: skip
    assert "well" not in run("presets", "cam", "--remove", token)[1]


def test_a_stuck_head_is_told(
    run: Run,  # noqa: F811
    county: RunningCounty,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.devices.upkeep.head.TURN_S", 0.3)
    county.switch("cam", stuck_head=True)
    status, out, err = run("presets", "cam", "--go", "3")
    assert status == 1
    assert "云台" in out + err
