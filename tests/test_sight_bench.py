"""The bench of sight: targets held and named, latency matched, a small scene through every subject."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import av
import pytest

from agent.model import SceneEvent
from agent.outbox.store import Store
from agent.services.scene_book import scene_entry
from bench.sight import frigate
from bench.sight.child import played, together
from bench.sight.crew import ANALYSIS, DEMUX, FRIGATE, KEYS, MOG2, OURS, ROWS, Row, Tally
from bench.sight.latency import Latency, latency, listen
from bench.sight.live import Watched
from bench.sight.recorder import Form
from bench.sight.report import LARGE, SMALL, Figures, lines, targets
from bench.sight.scenes import Tape, Wanted, tapes
from bench.sight.scoring import Score, Stretch, score
from bench.sight.script import Light
from bench.sight.served import clip_of
from bench.sight.subjects import SUBJECTS
from protocol.words import Phase, SceneTopic, SeenBy
from runtime.clock import SystemClock
from tests.support.processes import find_program

GOOD = Score(ordinary=10, ordinary_found=10, fast=5, fast_found=5, fired_s=50, judged_s=36_000, streams=1)
MILLISECONDS = {DEMUX: 0.1, OURS: 1.0, ANALYSIS: 1.0, FRIGATE: 18.0, MOG2: 15.0}
QUICK = Latency(tuple(0.5 + 0.02 * number for number in range(24)), missed=0)


def figures() -> Figures:
    """A run in which every target is met."""
    tallies = {}
    for row in ROWS:
        spent = MILLISECONDS.get(row, 2.0)
        scores = {"day": GOOD, "wind": GOOD}
        tallies[row] = Tally({SMALL: [spent] * 3, LARGE: [spent] * 3}, scores, 6.0, 2.0)
    return Figures(
        tallies, Watched(1.2, 3.0, {"day": GOOD}), Watched(15.0, 20.0, {"day": GOOD}), QUICK, QUICK
    )


def missed(one: Figures) -> list[str]:
    return [target.name for target in targets(one) if not target.met]


def test_a_run_that_meets_all_targets_says_so() -> None:
    assert missed(figures()) == []
    assert not any("MISS" in line for line in lines(figures()))


def with_tally(row: Row, change: Callable[[Tally], None]) -> Figures:
    one = figures()
    change(one.tallies[row])
    return one


def slow(tally: Tally) -> None:
    tally.rounds[SMALL] = [1.6, 1.7, 9.9]


def blind(tally: Tally) -> None:
    tally.scores["day"] = replace(GOOD, ordinary_found=0, fast_found=0, fired_s=0.0)


def restless(tally: Tally) -> None:
    tally.scores["wind"] = replace(GOOD, false_s=10.0, false_runs=9)


def nervous(tally: Tally) -> None:
    tally.scores["day"] = replace(GOOD, false_runs=2)


def heavy(tally: Tally) -> None:
    tally.further_mib = 8.1


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (with_tally(OURS, slow), {"MOG2, 360p15", "demux only, 360p15"}),
        (with_tally(OURS, blind), {"found, share", "full decode's", "as many as key frames"}),
        (with_tally(ANALYSIS, blind), {"analysis stream, share", "fast movers on the analysis"}),
        (with_tally(OURS, restless), {"precision in wind"}),
        (with_tally(ANALYSIS, nervous), {"the same on the analysis stream"}),
        (with_tally(OURS, heavy), {"one more stream"}),
        (replace(figures(), ours_live=Watched(2.0, 9.0)), {"Motion", "over RTSP"}),
        (replace(figures(), quick_keys=replace(QUICK, missed=3)), {"p95"}),
    ],
)
def test_each_missed_target_is_named(one: Figures, words: set[str]) -> None:
    names = missed(one)
    assert names
    for word in words:
        assert any(word in name for name in names), (word, names)
    assert sum("MISS" in line for line in lines(one)) == len(names)


def test_without_motion_its_target_is_told_as_not_measured() -> None:
    one = replace(figures(), motion=None)
    assert missed(one) == []
    assert any("Motion" in line and "not measured" in line for line in lines(one))
    assert any("not installed" in line for line in lines(one))


def test_key_frames_that_find_more_fast_movers_than_ours_are_told() -> None:
    one = figures()
    one.tallies[OURS].scores["day"] = replace(GOOD, fast_found=3)
    assert missed(one) == ["fast movers, as many as key frames find"]
    one.tallies[KEYS].scores["day"] = replace(GOOD, fast_found=3)
    assert missed(one) == []


def test_latency_is_from_entering_and_who_was_not_found_counts_as_endless() -> None:
    visits = [Stretch(20.0, 23.0), Stretch(40.0, 42.0), Stretch(60.0, 62.0)]
    told = latency(visits, [20.9, 21.5, 30.0, 39.7, 70.0])
    assert told.found_s == pytest.approx((-0.3, 0.9))
    assert told.missed == 1
    assert told.at(0.5) == pytest.approx(0.9)
    assert math.isinf(told.at(0.95))
    assert math.isinf(latency([], []).at(0.5))


def test_the_start_of_motion_is_told_when_its_entry_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(
        tmp_path / "box.db", box="b1", key=b"k" * 32, clock=SystemClock(), max_rows=100, grace_s=60.0
    )
    listen(store)
    event = SceneEvent(
        topic=SceneTopic.MOTION,
        phase=Phase.START,
        seen_by=SeenBy.BOX,
        episode="e1",
        time=datetime(2025, 6, 18, tzinfo=UTC),
    )
    others = (replace(event, phase=Phase.END), replace(event, topic=SceneTopic.TAMPER))
    for one in (event, *others):
        store.append(scene_entry(one), at=one.time, subject="camera-3")
    store.close()
    (line,) = capsys.readouterr().out.splitlines()
    camera, at = json.loads(line)
    assert camera == 3
    assert at == pytest.approx(time.time(), abs=60)


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Tape:
    """40 s of a small yard, made as the bench makes its scenes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUTPOST_SCENE_CACHE", str(tmp_path_factory.mktemp("scenes")))
        scene = Wanted(Light.DAY, 1, "gate", "gate", Form(320, 180, 15, 2.0, 256), 40.0, dense=True)
        (made,) = tapes([scene])
        before = made.path.stat().st_mtime_ns
        (again,) = tapes([scene])
        assert again == made
        assert again.path.stat().st_mtime_ns == before
        return made


def test_a_scene_is_as_long_and_has_key_frames_as_its_form_says(tape: Tape) -> None:
    for path, fps, gop in ((tape.path, 15, 30), (tape.analysis, 8, 8)):
        with av.open(str(path)) as container:
            packets = [p for p in container.demux(video=0) if p.size]
        assert len(packets) == 40 * fps
        assert {number % gop for number, packet in enumerate(packets) if packet.is_keyframe} == {0}
    clip = clip_of(tape.path)
    assert (clip.fps, clip.gop, len(clip.units)) == (15, 30, 600)
    assert len(clip.parameter_sets) == 2


@pytest.mark.parametrize("name", [name for name in SUBJECTS if name != "demux"])
def test_every_subject_finds_who_comes_into_a_quiet_yard(tape: Tape, name: str) -> None:
    if name == "frigate":
        find_program("ffmpeg")
    told = played(SUBJECTS[name], tape.path)
    seen = score(tape.truth, [Stretch(*run) for run in told["runs"]])
    assert tape.truth.visits
    assert seen.ordinary_found == seen.ordinary
    assert told["cpu_s"] > 0


def test_demuxing_fires_nothing_and_streams_together_end_early(tape: Tape) -> None:
    assert played(SUBJECTS["demux"], tape.path)["runs"] == []
    assert together(SUBJECTS["ours"], [tape.path], streams=2, until_s=6.0)["helpers_mib"] == 0


def test_without_its_source_frigates_detector_is_not_made_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("FRIGATE_SRC", raising=False)
    assert "FRIGATE_SRC" in frigate.why_not()
    assert frigate.frigate_detector(640, 360) is None
    monkeypatch.setenv("FRIGATE_SRC", str(tmp_path))
    assert "holds no" in frigate.why_not()
