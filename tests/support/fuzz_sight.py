"""Mutated pictures against everything that looks: ``python -m tests.support.fuzz_sight``.

Three kinds of cases, each made of one number. *packets*: access units of H.264 and H.265 are damaged (bits
flipped, cut, doubled, left out, mixed, parameter sets above all) and go through gate, decoder and judge, with
times that jump. *file*: bytes of MP4, Matroska, MPEG-TS and raw H.264 are damaged, and the file is replayed.
*stream*: cameras whose RTSP answers, RTP headers or pictures are damaged are read by real readers.

Everything runs in a child, so that a crash of the decoder is seen, counted, and the run goes on. What may
come out is a picture or a reason: a count of what was broken, NotVideo, or a stream's state and its sentence.
Anything else is a finding, and so are a crash, a hang and memory that grows. ``--case N`` runs one case here.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import json
import os
import random
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import av
import numpy as np

from agent.detect import SceneJudge
from agent.errors import NotVideo
from agent.video.cascade import Cascade
from agent.video.decoder import Decoder
from agent.video.pipeline import KEPT_BYTES, Pipeline
from agent.video.replay import Replay
from protocol.words import Reason
from runtime.memory import share_heaps
from simulator.video.clip import Clip
from simulator.video.model import Codec
from tests.agent.video.raw_camera import H264_SDP, H265_SDP, PASSWORD, RawCamera, clip, plays, sends, timed
from tests.agent.video.watching import Watching
from tests.support.footage import Picture, encode
from tests.support.memory_in_use import in_use, resident_mib

REPOSITORY: Final = Path(__file__).parents[2]
HANG_S: Final = 60.0
"""Without a word from the child: it hangs."""
SLOW_S: Final = 10.0
"""One case in process; it takes 20 to 200 ms."""
SETTLE_S: Final = 8.0
"""A stream has a state other than ``starting``."""
PEAK_MIB: Final = 450.0
"""Six readers and their judges beside the corpus; a bomb of 4096x2304 takes 40 MiB while it is decoded."""
GROWTH_MIB: Final = 6.0
"""What malloc has handed out at the end against the second sample of the run."""
CAMERAS: Final = 6
MOST_CRASHES = 20
"""Then there is enough to mend."""
_EVERY_STREAM: Final = 40
_EVERY_FILE: Final = 4
_SAMPLE_S: Final = 15.0

Wound = Callable[[bytearray, random.Random], bytearray]


# --- damage --------------------------------------------------------------------------------------


def _flip(data: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.randint(1, 12)):
        if data:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return data


def _head(data: bytearray, chance: random.Random) -> bytearray:
    """Headers decide more than pictures do."""
    for _ in range(chance.randint(1, 4)):
        if data:
            data[chance.randrange(min(len(data), 24))] = chance.randrange(256)
    return data


def _cut(data: bytearray, chance: random.Random) -> bytearray:
    first, last = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return data[:first] + data[last:] if chance.random() < 0.5 else data[:first]


def _double(data: bytearray, chance: random.Random) -> bytearray:
    first, last = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return data[:last] + data[first : first + 4000] * chance.randint(1, 4) + data[last:]


def _fill(data: bytearray, chance: random.Random) -> bytearray:
    at, byte = chance.randrange(len(data) + 1), chance.choice((0x00, 0xFF, 0x80, 0x03))
    return data[:at] + bytes([byte]) * chance.randint(1, 600) + data[at:]


WOUNDS: Final[tuple[Wound, ...]] = (_flip, _flip, _head, _head, _cut, _double, _fill)


def mutated(data: bytes, chance: random.Random, *, most: int = 3) -> bytes:
    """Damaged bytes: one wound or several."""
    text = bytearray(data)
    for _ in range(chance.randint(1, most)):
        text = chance.choice(WOUNDS)(text, chance)
    return bytes(text[:4_000_000])


# --- material ------------------------------------------------------------------------------------


@cache
def material(codec: Codec, *, wide: bool = False) -> Clip:
    """Some seconds of a place where somebody passes."""
    width, height = (640, 360) if wide else (320, 180)
    return clip(width=width, height=height, frames=30, codec=codec)


@cache
def _files() -> tuple[tuple[str, bytes], ...]:
    """Whole files by ending."""
    pictures = [(number * 7 % 200) + _ramp(number) for number in range(24)]
    with tempfile.TemporaryDirectory() as folder:
        made = []
        for ending in ("mp4", "mkv", "ts", "h264", "avi"):
            path = encode(pictures, Path(folder) / f"clip.{ending}", gop_s=0.8)
            made.append((ending, path.read_bytes()))
    return tuple(made)


def _ramp(number: int) -> Picture:
    ramp = np.tile(np.linspace(0, 50, 160), (96, 1)).astype(np.uint8)
    ramp[30:60, number * 5 : number * 5 + 20] = 50
    return ramp


def damaged_units(codec: Codec, chance: random.Random) -> list[tuple[list[bytes], bool]]:
    """NAL units of pictures, and whether each is called a key frame; some damaged, left out, mixed."""
    found: list[tuple[list[bytes], bool]] = []
    share = chance.choice((0.05, 0.2, 0.6))
    clips = [material(codec), material(codec, wide=True)]
    if chance.random() < 0.1:
        clips.append(material(Codec.H265 if codec is Codec.H264 else Codec.H264))
    for unit in chance.choice(clips).units[:1] + chance.choice(clips).units:
        if chance.random() < share / 6:
            continue
        nals = [mutated(nal, chance) if chance.random() < share else nal for nal in unit.nals]
        key = unit.key if chance.random() > share / 10 else not unit.key
        found.append(([nal for nal in nals if nal] or [b"\x09\xf0"], key))
        if chance.random() < share / 10:
            found.insert(chance.randrange(len(found)), found[-1])
    return found


# --- cases ---------------------------------------------------------------------------------------


def packets_case(chance: random.Random) -> str:
    """Damaged packets through gate, decoder and judge; what came of them."""
    codec = chance.choice((Codec.H264, Codec.H265))
    counts: Counter[str] = Counter()
    sets = b"".join(b"\0\0\0\1" + nal for nal in material(codec).parameter_sets)
    extradata = chance.choice((None, sets, mutated(sets, chance)))
    name = "h264" if codec is Codec.H264 else "hevc"
    pipeline = Pipeline(
        Decoder(name, extradata),
        Cascade(),
        SceneJudge(),
        shown=lambda _picture, _at_s: counts.update(decoded=1),
        count=lambda what: counts.update({what: 1}),
    )
    at_s = 0.0
    for nals, key in damaged_units(codec, chance):
        at_s += 0.1 if chance.random() > 0.03 else chance.choice((-5.0, -0.2, 0.0, 40.0, 1e6))
        packet = av.Packet(b"".join(b"\0\0\0\1" + nal for nal in nals))
        packet.is_keyframe = key
        counts["keys"] += key
        for looked in pipeline.take(packet, pts_s=at_s, mono_s=at_s):  # type: ignore[arg-type]
            counts["judged"] += 1
            assert looked.frame.image.size <= 4096 * 2304, looked.frame.image.shape
        assert pipeline.kept_bytes <= KEPT_BYTES, pipeline.kept_bytes
    assert counts["decoded"] or counts["broken_keyframes"] or not counts["keys"], f"without a word: {counts}"
    return "pictures" if counts["judged"] else "broken" if counts["broken_keyframes"] else "no key frame"


def file_case(chance: random.Random, folder: Path) -> str:
    """A damaged file, replayed."""
    ending, content = chance.choice(_files())
    path = folder / f"case.{ending}"
    path.write_bytes(mutated(content, chance, most=6))
    replay = Replay(path, SceneJudge())
    try:
        for _step in replay:
            pass
    except NotVideo as error:
        assert "/ " in str(error)
        return "not video"
    counts = replay.counters
    assert counts["decoded"] or counts["broken_keyframes"] or counts["damaged"] or not counts["keyframes"]
    return "pictures" if counts["judged"] else "broken"


class _Wounding(socket.socket):
    """A connection that damages some of what it sends."""

    chance: random.Random
    share = 0.0

    def sendall(self, data, flags: int = 0) -> None:  # type: ignore[no-untyped-def]
        """Send it, or something like it."""
        if self.chance.random() < self.share:
            data = mutated(bytes(data), self.chance, most=2)
        super().sendall(data, flags)


def _camera(chance: random.Random) -> Callable[[socket.socket], None]:
    codec = chance.choice((Codec.H264, Codec.H265))
    if chance.random() < 0.5:  # pictures are damaged, the packing is right
        clock = 10.0
        units: list[tuple[Sequence[bytes], float]] = []
        for nals, _ in damaged_units(codec, chance):
            clock += 0.1 if chance.random() > 0.05 else chance.choice((-3.0, 30.0, 0.0))
            units.append((nals, clock))
        share = 0.0
    else:
        units, share = list(timed(material(codec))), chance.choice((0.02, 0.1, 0.4))
    media = sends(units, pace_s=0.01, linger_s=0.3, codec=codec)
    sdp = H264_SDP if codec is Codec.H264 else H265_SDP
    if chance.random() < 0.15:
        sdp = mutated(sdp.encode(), chance).decode("latin-1")

    def talk(connection: socket.socket) -> None:
        with _Wounding(fileno=os.dup(connection.fileno())) as wounding:
            wounding.chance, wounding.share = random.Random(chance.getrandbits(32)), share
            wounding.settimeout(5)
            with contextlib.suppress(UnicodeError):
                plays(media, sdp=sdp)(wounding)

    return talk


def stream_case(chance: random.Random) -> str:
    """Damaged cameras read side by side, each until it has a state; what they came to."""
    talks = [_camera(random.Random(chance.getrandbits(64))) for _ in range(CAMERAS)]
    outcomes: Counter[str] = Counter()
    with contextlib.ExitStack() as stack:
        seen = []
        for talk in talks:
            camera = stack.enter_context(RawCamera(talk))
            seen.append(stack.enter_context(Watching(camera.device(), camera.url)))
        deadline = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline:
            states = [one.watch.state() for one in seen]
            if all(state.reason is not Reason.STARTING for state in states):
                break
            time.sleep(0.05)
        for one in seen:
            state = one.watch.state()
            assert state.reason is not Reason.STARTING, f"no reason after {SETTLE_S:g} s: {state}"
            assert state.up or "/ " in state.detail, f"no sentence: {state}"
            assert PASSWORD not in state.detail
            outcomes[state.reason] += 1
        time.sleep(0.3)  # on into what comes after the first picture
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("video-")]
    deadline = time.monotonic() + 5.0
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [thread.name for thread in threading.enumerate() if thread.name.startswith("video-")]
    assert not left, f"threads left: {left}"
    return " ".join(f"{reason}:{times}" for reason, times in sorted(outcomes.items()))


def kind_of(number: int) -> str:
    """Which kind a case is."""
    if number % _EVERY_STREAM == _EVERY_STREAM - 1:
        return "stream"
    return "file" if number % _EVERY_FILE == _EVERY_FILE - 1 else "packets"


def case(number: int, folder: Path) -> str:
    """Run a case; what came of it. Raises whatever came out that may not."""
    chance = random.Random(number)
    match kind_of(number):
        case "stream":
            return stream_case(chance)
        case "file":
            return file_case(chance, folder)
        case _:
            return packets_case(chance)


# --- child and parent ----------------------------------------------------------------------------


def child(first: int, *, seconds: float, most: int) -> int:
    """Run cases, telling each before and after on standard output."""
    share_heaps()
    faulthandler.enable()
    ends, sampled = time.monotonic() + seconds, 0.0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(first, first + most):
            if time.monotonic() >= ends:
                break
            _say(begin=number)
            began, wrong = time.monotonic(), ""
            try:
                came = case(number, Path(folder))
            except Exception as error:  # noqa: BLE001 - whatever comes out is the finding
                came, wrong = "finding", f"{type(error).__name__}: {error}"
            took_s = time.monotonic() - began
            if not wrong and took_s > SLOW_S and kind_of(number) != "stream":
                wrong = f"took {took_s:.1f} s"
            _say(end=number, came=came, took_s=round(took_s, 3), wrong=wrong, resident=resident_mib())
            if time.monotonic() - sampled >= _SAMPLE_S:
                sampled = time.monotonic()
                _say(malloc=in_use().malloc_mib)
    return 0


def _say(**told: object) -> None:
    print(json.dumps(told), flush=True)


@dataclass(slots=True)
class Tell:
    """What a run came to."""

    cases: int = 0
    crashes: int = 0
    peak_mib: float = 0.0
    slowest_s: float = 0.0
    came: Counter[str] = field(default_factory=Counter)
    malloc_mib: list[float] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)


def run(seconds: float, *, seed: int, most: int = sys.maxsize, hang_s: float = HANG_S) -> Tell:
    """Fuzz in children for so long, or so many cases; after a crash the next child goes on behind it."""
    tell, number = Tell(), seed
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and tell.cases < most and tell.crashes < MOST_CRASHES:
        number = _one_life(
            tell, number, seconds=ends - time.monotonic(), most=most - tell.cases, hang_s=hang_s
        )
    if tell.peak_mib > PEAK_MIB:
        tell.findings.append(f"memory: {tell.peak_mib:.0f} MiB at a time, bound {PEAK_MIB:g}")
    settled = tell.malloc_mib[2:]
    if tell.crashes == 0 and len(settled) >= 3 and settled[-1] - settled[0] > GROWTH_MIB:
        tell.findings.append(f"memory grew: malloc {settled[0]:.1f} to {settled[-1]:.1f} MiB")
    return tell


def _command(first: int, seconds: float, most: int) -> list[str]:
    asked = ["--seed", str(first), "--seconds", f"{seconds:.1f}", "--most", str(min(most, 10**9))]
    return [sys.executable, "-m", "tests.support.fuzz_sight", "--child", *asked]


def _one_life(tell: Tell, first: int, *, seconds: float, most: int, hang_s: float) -> int:
    """One child until it ends; the number of the next case."""
    number, hung = first, False
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(
            _command(first, seconds, most), cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=said, text=True
        ) as process,
    ):
        for told in _lines(process, hang_s):
            if "begin" in told:
                number = told["begin"]
            elif "end" in told:
                number = told["end"] + 1
                _note(tell, told)
            elif "malloc" in told:
                tell.malloc_mib.append(told["malloc"])
            else:
                hung = True
        if hung or not _ends(process):
            process.kill()
        status = process.wait(30)
        if hung:
            tell.findings.append(f"case {number} ({kind_of(number)}) hangs")
        elif status != 0:
            said.seek(0)
            tell.findings.append(
                f"case {number} ({kind_of(number)}) ended the process with {status}: {said.read()[-1500:]}"
            )
        if hung or status != 0:
            tell.crashes += 1
            number += 1
    return number


def _ends(process: subprocess.Popen[str]) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
        return True
    return False


def _lines(process: subprocess.Popen[str], hang_s: float) -> Iterator[dict[str, Any]]:
    """What a child says, until it ends; an empty document when it says nothing for too long."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        rest = b""
        while selector.select(hang_s):
            data = os.read(process.stdout.fileno(), 65_536)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                yield json.loads(line)
        yield {}


def _note(tell: Tell, told: dict[str, Any]) -> None:
    tell.cases += 1
    number, took_s = int(told["end"]), float(told["took_s"])
    tell.peak_mib = max(tell.peak_mib, told["resident"])
    if kind_of(number) == "stream":
        for part in str(told["came"]).split():
            reason, _, times = part.partition(":")
            tell.came[f"stream {reason}"] += int(times or 1)
    else:
        tell.came[f"{kind_of(number)} {told['came']}"] += 1
        tell.slowest_s = max(tell.slowest_s, took_s)
    if told["wrong"]:
        tell.findings.append(f"case {number} ({kind_of(number)}): {told['wrong']}")


def main() -> int:
    """Run, print; exit status 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.fuzz_sight")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()) * 1000)
    parser.add_argument("--most", type=int, default=sys.maxsize)
    parser.add_argument("--case", type=int, help="run this one here")
    parser.add_argument("--child", action="store_true", help="run cases and tell each")
    options = parser.parse_args()
    if options.child:
        return child(options.seed, seconds=options.seconds, most=options.most)
    if options.case is not None:
        with tempfile.TemporaryDirectory() as folder:
            print(kind_of(options.case), case(options.case, Path(folder)))
        return 0
    print(f"seed {options.seed}", flush=True)
    tell = run(options.seconds, seed=options.seed, most=options.most)
    for finding in tell.findings[:20]:
        print(finding)
    memory = tell.malloc_mib[:: max(1, len(tell.malloc_mib) // 8)]
    came = ", ".join(f"{name} {times}" for name, times in sorted(tell.came.items()))
    print(
        f"{tell.cases} cases ({tell.cases / options.seconds:.0f} a second): {came}; "
        f"slowest {tell.slowest_s:.2f} s, peak {tell.peak_mib:.0f} MiB, "
        f"malloc MiB {' '.join(f'{one:.1f}' for one in memory)}; "
        f"crashes and hangs {tell.crashes}, findings {len(tell.findings)}"
    )
    return 1 if tell.findings else 0


if __name__ == "__main__":
    sys.exit(main())
