"""What a filling outbox writes no more: episodes stay whole, whatever the fill does."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from agent.outbox.worth import SHED_ABOVE, Valve, Worth, worth
from protocol.messages import BoxEvent, Canary, CommandResult, Frozen, Gap, PassageCount, Scene
from tests.support.wire import EXAMPLES

MOTION = "tns1:VideoSource/MotionAlarm"
INSIDE = "tns1:RuleEngine/FieldDetector/ObjectsInside"


def scene(topic: str, phase: str, episode: int) -> Scene:
    return Scene.model_validate({"topic": topic, "phase": phase, "seen_by": "box", "episode": f"e{episode}"})


@given(
    st.lists(
        st.tuples(st.sampled_from([MOTION, INSIDE]), st.integers(0, 30), st.floats(0, 1), st.floats(0, 1)),
        max_size=60,
    )
)
def test_an_episode_is_written_whole_or_not_at_all(told: list[tuple[str, int, float, float]]) -> None:
    valve = Valve()
    for number, (topic, later, fill, fill_later) in enumerate(told):
        shed = valve.sheds(scene(topic, "start", number), fill=fill)
        assert shed == (topic == MOTION and fill > SHED_ABOVE[Worth.MOTION])
        for other in range(later % 3):
            valve.sheds(scene(MOTION, "start", 10_000 + 10 * number + other), fill=fill_later)
        assert valve.sheds(scene(topic, "end", number), fill=fill_later) == shed
        assert not valve.sheds(scene(topic, "end", number), fill=1.0), "it ended"


def test_faults_orders_and_declarations_are_written_as_long_as_there_is_room() -> None:
    for data in EXAMPLES:
        if worth(data) is Worth.FACT:
            assert not Valve().sheds(data, fill=1.0)
    facts: list[Frozen] = [
        BoxEvent(what="boot"),
        CommandResult(command="c1", verb="still", outcome="done"),
        Gap(first=1, last=2, entries=2, reason="outbox_full"),
        scene(INSIDE, "start", 1),
    ]
    assert {worth(data) for data in facts} == {Worth.FACT}


def test_what_is_missed_least_goes_first() -> None:
    hour = PassageCount(hour=datetime(2026, 11, 23, tzinfo=UTC), passages=1, observed_s=3600)
    order = [Canary(number=1), scene(MOTION, "start", 1), hour, BoxEvent(what="boot")]
    for fill, shed in ((0.25, 0), (0.26, 1), (0.5, 1), (0.51, 2), (0.75, 2), (0.76, 3), (1.0, 3)):
        valve = Valve()
        assert [valve.sheds(data, fill=fill) for data in order] == [True] * shed + [False] * (4 - shed)


def test_the_memory_of_shed_episodes_is_bounded() -> None:
    valve = Valve()
    for number in range(10_000):
        valve.sheds(scene(MOTION, "start", number), fill=0.9)
    assert not valve.sheds(scene(MOTION, "end", 0), fill=0.9)
    assert valve.sheds(scene(MOTION, "end", 9_999), fill=0.9)
