"""``outpost-agent watch``: what it prints, what it writes, how it ends."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import cv2
import pytest

from agent.__main__ import main
from agent.cli import watching
from tests.agent.tuning import films

CHINESE = re.compile(r"[一-鿿]")


def run(*words: object) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main([str(word) for word in words])
        except SystemExit as ended:
            status = int(str(ended.code))
    return status, out.getvalue(), err.getvalue()


def document(text: str) -> Any:
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return json.loads(lines[0])


def test_events_and_figures_are_told_chinese_first(film: Path, zones: Path) -> None:
    status, out, err = run("watch", film, "--zones", zones)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert all(CHINESE.search(line.partition(" / ")[0]) for line in lines), out
    assert sum(line.startswith("00:1") for line in lines) == 3
    assert "[院门] 进入区域" in out and "Object inside a field" in out
    assert "3 events" in out and "ms of CPU per stream second" in out


def test_every_decision_is_explained(film: Path, zones: Path) -> None:
    _, out, _ = run("watch", film, "--zones", zones, "--explain")
    assert "正在学习背景" in out
    assert re.search(r"00:06\.0 .*关键帧：无，画面仅 .* / key frame: nothing, .* differs", out)
    assert re.search(r"00:10\.2 .*连续解码：画面移动", out)
    assert "nothing inside" in out


def test_with_json_it_is_one_document(film: Path, zones: Path, tmp_path: Path) -> None:
    plot = tmp_path / "out.png"
    status, out, _ = run(
        "watch", film, "--zones", zones, "--json", "--explain", "--plot", plot, "--set", "motion_hold_s=3"
    )
    told = document(out)
    assert status == 0
    assert [event["zone"] for event in told["events"]] == ["", "院门", "path"]
    assert told["tried_out"] == ["watch.motion_hold_s = 3"]
    assert told["summary"]["judged"] == sum(
        one["act"] in ("key_frame", "run", "packets", "low_rate") for one in told["decisions"]
    )
    assert told["written"] == {"plot": str(plot)}
    assert "data:image" not in out


def test_the_timeline_is_a_picture_for_its_owner_alone(film: Path, zones: Path, tmp_path: Path) -> None:
    plot = tmp_path / "out.png"
    _, out, _ = run("watch", film, "--zones", zones, "--plot", plot)
    picture = cv2.imread(str(plot))
    assert picture is not None and picture.shape[1] == 1600
    assert plot.stat().st_mode & 0o077 == 0
    assert "zone 1 in the picture is 院门" in out
    purple = (picture == (189, 103, 148)).all(axis=2)
    assert purple.any(axis=1).sum() > 3 * 12, "a bar for each kind of event"


@pytest.mark.parametrize(
    ("words", "status", "kind"),
    [
        (("none.mp4",), 1, "missing"),
        ((".",), 1, "directory"),
        (("zones.toml",), 1, "not_video"),
        (("{film}", "--zones", "none.toml"), 2, "bad_configuration"),
        (("{film}", "--zones", "bad.toml"), 2, "bad_configuration"),
        (("{film}", "--zones", "zones.toml", "--device", "x"), 2, "bad_configuration"),
        (("{film}", "--device", "x"), 2, "wrong_arguments"),
        (("{film}", "--set", "nothing=1"), 2, "wrong_arguments"),
        (("{film}", "--begins", "yesterday"), 2, "wrong_arguments"),
        (("{film}", "--plot", "none/out.png"), 2, "wrong_arguments"),
        (("{film}", "--plot", "."), 2, "wrong_arguments"),
        (("{film}", "--plot", "/dev/null"), 2, "wrong_arguments"),
        (("{film}", "--page", "{film}"), 2, "wrong_arguments"),
        (("{film}", "--zones", "zones.toml", "--page", "zones.toml"), 2, "wrong_arguments"),
        (("{film}", "--plot", "a", "--page", "a"), 2, "wrong_arguments"),
        (("{film}", "--shed", "all"), 2, "wrong_arguments"),
        ((), 2, "wrong_arguments"),
    ],
)
def test_what_cannot_be_done_says_why_and_ends_with_its_status(
    film: Path,
    zones: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    status: int,
    kind: str,
) -> None:
    monkeypatch.chdir(zones.parent)
    Path("bad.toml").write_text('[[zone]]\nname = "gate"\ncorners = [[0, 0], [2, 2]]\n')
    given = [word.format(film=film) for word in words]
    ended, out, err = run("watch", *given, "--json")
    assert (ended, document(out)["kind"]) == (status, kind)
    assert CHINESE.search(err)
    ended, _, _ = run("watch", *given)
    assert ended == status


def test_a_damaged_zone_file_names_line_and_zone(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "zones.toml"
    path.write_text('[[zone]]\nname = "gate"\ncorners = [[0, 0], [2, 2], [0, 1]]\n')
    _, _, err = run("watch", film, "--zones", path)
    assert "第 3 行 line 3 zone 1 [gate] corners" in err


def test_schedules_without_a_time_are_said_to_hold_always(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "zones.toml"
    path.write_text(films.ZONES.replace('name = "院门"', 'name = "院门"\nschedule = ["daily 01:00-02:00"]'))
    _, out, _ = run("watch", film, "--zones", path)
    assert "--begins" in out and "[院门]" in out
    _, out, _ = run("watch", film, "--zones", path, "--begins", "2026-11-25T12:00")
    assert "--begins" not in out
    assert "不在布防时段" in out


def test_long_recordings_tell_how_far_they_are(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "PROGRESS_S", 0.0)
    status, out, err = run("watch", film, "--json")
    assert status == 0
    assert document(out)["events"]
    assert re.search(r"已看到 00:1\d\.\d \d+% / seen as far as", err)


class _Impatient(io.StringIO):
    """Standard output of somebody who presses Ctrl+C when twelve seconds were told."""

    def write(self, text: str) -> int:
        if text.startswith("00:12.0"):
            signal.raise_signal(signal.SIGINT)
        return super().write(text)


def test_whoever_interrupts_gets_what_was_seen(film: Path, zones: Path) -> None:
    out = _Impatient()
    with contextlib.redirect_stdout(out):
        status = main(["watch", str(film), "--zones", str(zones), "--explain"])
    told = out.getvalue()
    assert status == 1
    assert "已中断，只看到 00:12" in told and "1 events" in told
    assert "00:14" not in told


def test_a_reader_that_goes_away_leaves_no_traceback(film: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as out, contextlib.redirect_stdout(out):
        assert main(["watch", str(film), "--explain"]) == 1
