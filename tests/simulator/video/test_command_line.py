"""`python -m simulator.video` does what it says, and says what it cannot do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulator.video.__main__ import main


def test_scenes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenes"]) == 0
    listed = capsys.readouterr().out
    assert "gate-day" in listed
    assert "intruder" in listed


@pytest.mark.parametrize(
    ("arguments", "reason"), [(["gate-noon"], "gate-day"), (["gate-day", "--action", "fire"], "intruder")]
)
def test_what_there_is_not_is_refused(
    tmp_path: Path, arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    scene, *options = arguments
    assert main(["render", scene, str(tmp_path / "out.mp4"), *options]) == 2
    assert reason in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_scene_is_written_with_its_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "gate-day", str(tmp_path / "gate.mp4"), "--picture", "covered"]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "gate.mp4"), str(tmp_path / "gate.truth.json")]
    truth = json.loads((tmp_path / "gate.truth.json").read_text())
    assert truth["picture"] == "covered"
    assert truth["seen"] == [], "nobody is seen through a cloth"
