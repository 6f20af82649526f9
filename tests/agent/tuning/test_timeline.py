"""However long a recording is, its timeline is bounded and loses nothing but sharpness."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from agent.model import Rectangle
from agent.tuning.film import Film
from agent.tuning.plot import MOST_ROWS, clock, draw, legend, png, rows_of
from agent.tuning.rehearsal import Glimpse, Happening, Outcome
from agent.tuning.timeline import Timeline
from agent.tuning.trial_values import Thresholds
from agent.video.gate import Why
from agent.video.replay import PacketFacts
from protocol.words import SceneTopic

LOOKS = st.tuples(
    st.floats(0, 40), st.integers(1, 9000), st.floats(0, 30), st.sampled_from(Why), st.floats(0, 1)
)


@given(st.lists(LOOKS, max_size=120))
def test_sums_and_extremes_stay_when_columns_are_joined(
    looks: list[tuple[float, int, float, Why, float]],
) -> None:
    fine, coarse = Timeline(most=10_000), Timeline(most=7)
    at_s = 0.0
    for gap_s, size, surprise, why, ratio in looks:
        at_s += gap_s
        for line in (fine, coarse):
            line.packet(PacketFacts(at_s, size, why is Why.KEY, surprise, why is Why.RUN))
            line.judged(at_s, why, ratio=ratio, moving=ratio > 0.5)
    assert len(coarse.columns) <= 7
    for name in ("packets", "size_bytes", "running", "keys", "low_rate", "runs", "alarms", "moving"):
        assert _sum(fine, name) == _sum(coarse, name), name
    for name in ("surprise", "ratio"):
        assert _most(fine, name) == _most(coarse, name), name
    assert fine.end_s == coarse.end_s <= len(coarse.columns) * coarse.step_s or not looks


def _sum(line: Timeline, name: str) -> int:
    return sum(int(getattr(column, name)) for column in line.columns)


def _most(line: Timeline, name: str) -> float:
    return max((float(getattr(column, name)) for column in line.columns), default=0.0)


def test_what_happens_stands_where_it_happened() -> None:
    line = Timeline()
    for number in range(100):
        line.packet(PacketFacts(number / 10, 1000, number % 20 == 0, 9.0 if number == 50 else 0.0, False))
    (place,) = [number for number, column in enumerate(line.columns) if column.surprise]
    assert place * line.step_s <= 5.0 < (place + 1) * line.step_s


FILM = Film(Path("/records/东门 <1>.mp4"), "h264", 640, 360, 25.0, 86_400.0, 1)
NOBODY = Outcome(stream_s=86_400.0)


def happening(topic: SceneTopic, zone: str, start_s: float, end_s: float | None) -> Happening:
    return Happening(topic, zone, start_s, start_s + 0.6, end_s, 0.8, "why", Rectangle(0, 0, 1, 1))


def test_a_day_is_drawn_as_readily_as_nothing_at_all() -> None:
    line = Timeline()
    for number in range(0, 86_400, 60):
        line.packet(PacketFacts(float(number), 4000, True, 0.1, False))
        line.judged(float(number), Why.KEY, ratio=0.0, moving=False)
    day = Outcome(
        stream_s=86_400.0, events=[happening(SceneTopic.MOTION, "", 3600.0 * n, None) for n in range(24)]
    )
    for outcome, timeline in ((day, line), (Outcome(), Timeline()), (NOBODY, line)):
        picture = draw(FILM, outcome, timeline, Thresholds())
        assert picture.shape[1] == 1600
        assert png(picture).startswith(b"\x89PNG")
        assert (picture != 255).any()


def test_rows_are_bounded_and_zones_that_cannot_be_written_have_numbers() -> None:
    zones = [f"门{number}" for number in range(40)] + ["gate"]
    events = [happening(SceneTopic.OBJECTS_INSIDE, zone, 1.0, 2.0) for zone in zones]
    glimpses = [Glimpse(SceneTopic.MOTION, "gate", 0.5, 0.6, "")]
    rows = rows_of(Outcome(events=events, glimpses=glimpses), zones)
    assert len(rows) == MOST_ROWS
    assert rows[0].label == "Motion: gate"
    assert {row.label for row in rows[1:]} <= {
        f"Object inside a field: zone {n}"[:30] for n in range(1, 41)
    } | {"Object inside a field: gate"}
    assert legend(["大门", "gate", "过道"]) == [("zone 1", "大门"), ("zone 3", "过道")]
    assert all(" " <= letter <= "~" for row in rows for letter in row.label)


def test_times_are_read_as_on_a_clock() -> None:
    assert [clock(one) for one in (0, 59.6, 3599, 3661)] == ["00:00", "01:00", "59:59", "1:01:01"]
