"""A real stream that is judged less: it is read as before, decoded less, and says so."""

from __future__ import annotations

from agent.model import FULL_ALLOWANCE, KEYS_ONLY, Allowance
from agent.shedding import STEPS
from agent.video.cascade import Cascade
from tests.agent.video.raw_camera import RawCamera, clip, plays, sends, timed
from tests.agent.video.watching import Watching, until


def test_at_key_frames_only_every_packet_is_still_read_and_only_key_frames_are_decoded() -> None:
    units = timed(clip(frames=300))
    with (
        RawCamera(plays(sends(units, linger_s=1.0))) as camera,
        Watching(camera.device(), camera.url) as seen,
    ):
        until(lambda: seen.watch.state().counters["judged"] >= 4)
        seen.watch.allow(KEYS_ONLY)
        until(lambda: not seen.watch.state().running)
        before = seen.watch.state()
        until(lambda: seen.watch.state().counters["keyframes"] >= before.counters["keyframes"] + 5)
        after = seen.watch.state()
        assert after.up
        assert after.allowance == KEYS_ONLY
        assert "judged less: key frames only" in after.detail
        read = after.counters["packets"] - before.counters["packets"]
        decoded = after.counters["decoded"] - before.counters["decoded"]
        keys = after.counters["keyframes"] - before.counters["keyframes"]
        assert read >= 5 * 9
        assert decoded <= keys + 1
        seen.watch.allow(FULL_ALLOWANCE)
        assert seen.watch.state().detail == ""


def test_every_fifth_key_frame_is_a_fifth_of_the_decoding() -> None:
    gate = Cascade()
    gate.allow(STEPS[-1].allowance)
    decoded = [
        gate.hear(n / 10, size_bytes=20_000 if n % 10 == 0 else 900, key=n % 10 == 0, room=True)
        for n in range(1000)
    ]
    assert sum(decoded) == 100 // 5


def _burst(allowance: Allowance) -> int:
    """Packets decoded besides key frames when sizes rise tenfold for a second, after a quiet minute."""
    gate = Cascade()
    gate.allow(allowance)
    decoded = 0
    for n in range(700):
        key = n % 10 == 0
        size = 20_000 if key else 9_000 if 640 <= n < 650 else 900 + n % 7
        wanted = gate.hear(n / 10, size_bytes=size, key=key, room=True)
        decoded += wanted and not key
        if wanted:
            gate.judges(n / 10, key=key)
            gate.saw(moving=False, key=key)
    return decoded


def test_where_only_key_frames_begin_runs_a_surprising_packet_begins_none() -> None:
    assert _burst(FULL_ALLOWANCE) > 0
    assert _burst(Allowance(max_fps=2.0, alarms=False)) == 0
