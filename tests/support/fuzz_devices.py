"""Mutated answers against everything that reads a device: ``python -m tests.support.fuzz_devices``.

Seeds are recorded answers where they are there, and our own. Each is damaged (bytes flipped, pieces cut,
doubled, grafted, values replaced) and handed to the parsers in process and, now and then, to whole adapters
over a socket: by a device that says the same to everything, by one that knows what is asked and damages some,
by a video server and a SIP peer. What may come out is a value or the one error the parser names; anything
else, and any reading longer than its bound, is a finding, and so is memory that grows.

As on the box, answers are read through the vocabulary of one device, in a thread of that device: libxml2
keeps every name for the life of a thread, and mutated names are new ones. After ``LIFE`` readings the next
device begins with a vocabulary and a thread of its own. What the box keeps of devices for ever (states,
unknown topics, metrics) is kept here for the whole run too. Memory is measured between two devices.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from lxml import etree

from agent.devices import (
    Limits,
    OnvifRoom,
    attachments,
    discovery,
    habits,
    recording_answers,
    sip,
    sip_message,
    soap,
)
from agent.devices.account import Account
from agent.devices.device_state import StateBook
from agent.devices.digest import digest_challenge, offers_basic
from agent.devices.echoes import Echoes
from agent.devices.notifications import Tally, read_told
from agent.devices.redact import redact
from agent.devices.session import Session
from agent.devices.settings import io, places
from agent.devices.settings.encoder import _MEDIA1, _MEDIA2
from agent.devices.settings.imaging import _SETTINGS
from agent.devices.sip_message import Dialogue
from agent.devices.storage import StorageWatch
from agent.devices.strange_topics import StrangeBook
from agent.devices.upkeep import ptz, tours
from agent.devices.vocabulary import Vocabulary
from agent.devices.wsdl import Misread, shared_services
from agent.errors import DeviceError
from agent.model import Device, Secret
from protocol.words import DeviceClass
from runtime.memory import share_heaps
from tests.support import answers, sip_peer
from tests.support.hostile import Hostile
from tests.support.memory_in_use import InUse, grown, in_use
from tests.support.recorded import REPOSITORY

SECRET = "Fuzz-Secret-1"
SLOW_S = 2.0
"""One reading in process takes microseconds to milliseconds; this is a hang in the making."""
CALL_S = 1.0
CALL_BOUND_S = 30.0
_EVERY_CALL = 50
_SHARE_OF_LINES = 0.2
LIFE = 400
"""Readings of one device: about as many invented names as its vocabulary admits."""
SAMPLES = 10
SETTLED_S = 300.0
"""Memory is judged in runs of so long: before, caches are still filling."""
_WORDS = (
    b"0", b"-1", b"1e999", b"NaN", b"99999999999999999999", b"", b"\x00", b"\xff\xfe", b"&amp;", b"<", b"]]>",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"xmlns:x='y'", b"0000-00-00T00:00:00Z", b"true",
    b"http://169.254.169.254/", b"rtsp://u:p@[::1", b"//", b"PT", b"--", b"urn:uuid:", b"a" * 5000,
)  # fmt: skip
_PROBE = "urn:uuid:known"
_ANNOUNCEMENTS = 5
"""So many of the seeds: what a whole subnet may send before anybody logs in."""
_DIALOGUE = Dialogue("REGISTER", "10.0.0.9:5060", "10.0.0.1:5070", subject="8801@10.0.0.9", call_id="f00d")
_LINES = (
    b'Digest realm="IP Camera", qop="auth,auth-int", nonce="4e6f6e63653a", algorithm=SHA-256, stale=true',
    b'Digest realm="a \\"b\\"", nonce="n", opaque="", algorithm=MD5-sess, Basic realm="x"',
    b"SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKf00d1\r\nCall-ID: f00d\r\n"
    b'CSeq: 1 REGISTER\r\nWWW-Authenticate: Digest realm="c", nonce="n"\r\nContent-Length: 0\r\n\r\n',
    b"SIP/2.0 200 OK\r\ni: f00d\r\nCSeq: 1 REGISTER\r\nUser-Agent: Codec 9\r\nl: 12\r\n"
    b'm: "A, B" <sip:8801@[fd00::1]:5060;transport=udp>;expires=60, <sip:8801@10.0.0.9>;q=0.5\r\n\r\n',
)
"""What devices say outside of XML: challenges and SIP answers."""
_RTSP = (
    b'RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\nWWW-Authenticate: Digest realm="v", nonce="n"\r\n\r\n',
    b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: Video 1\r\nContent-Length: 4\r\n\r\nv=0\n",
)
_MORE_OF_RTSP = 2
"""Questions of one climb after the first, over the same connection."""
_SHARE_DAMAGED = 0.3
"""Of the answers in one talk; a device that damages all of them is left at the first question."""
LIMITS = Limits(
    total_s=CALL_S,
    connect_s=CALL_S,
    pull_s=0.2,
    unsubscribe_s=0.2,
    sip_s=CALL_S,
    recordings_s=2 * CALL_S,
    search_s=0.2,
    search_idle_s=0.01,
)


@dataclass(slots=True)
class Tell:
    """What a run found."""

    executions: int = 0
    calls: int = 0
    findings: list[str] = field(default_factory=list)
    slowest_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Box:
    """What the box keeps of devices as long as it runs."""

    states: StateBook = field(default_factory=StateBook)
    strangers: StrangeBook = field(default_factory=StrangeBook)
    storage: StorageWatch = field(default_factory=StorageWatch)
    tally: Tally = field(default_factory=Tally)


class Subject:
    """One fuzzed device: a vocabulary for its answers, and a server that speaks for it over a socket."""

    def __init__(self, box: Box | None = None) -> None:
        self.box = box or Box()
        self.vocabulary = Vocabulary()
        self.echoes = Echoes()
        self.says: Callable[[bytes], bytes] = lambda _request: b""
        discovery._HEARD = discovery._Heard()  # its announcements begin with no names used up
        self._opened = contextlib.ExitStack()
        self._server: Hostile | None = None

    def _speak(self, sock: socket.socket, _stop: threading.Event) -> None:
        request = self.server.requests[-1]
        sock.sendall(self.says(request))
        for _ in range(_MORE_OF_RTSP if b" rtsp:" in request.partition(b"\r\n")[0] else 0):
            more = sock.recv(65_536)
            if more:
                sock.sendall(self.says(more))

    @property
    def server(self) -> Hostile:
        """Listens from the first call on; answers a request with what ``says`` makes of it."""
        if self._server is None:
            self._server = self._opened.enter_context(Hostile(self._speak))
        return self._server

    def close(self) -> None:
        """Stop listening."""
        self._opened.close()


def seeds(data: Path) -> list[bytes]:
    """Answers to damage; some of our own when there are no recordings."""
    found = [path.read_bytes()[:60_000] for path in sorted((data / "onvif").rglob("*.xml"))]
    return found or [_own(), _own().replace(b"Get", b"Set")]


def mutated(one: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """A damaged answer: one to six wounds."""
    text = bytearray(one)
    for _ in range(chance.randint(1, 6)):
        wound = chance.choice(_WOUNDS)
        text = wound(text, others, chance)
    return bytes(text[:200_000])


def _flip(text: bytearray, _others: Sequence[bytes], chance: random.Random) -> bytearray:
    for _ in range(chance.randint(1, 8)):
        if text:
            text[chance.randrange(len(text))] = chance.randrange(256)
    return text


def _cut(text: bytearray, _others: Sequence[bytes], chance: random.Random) -> bytearray:
    first, last = sorted(chance.randrange(len(text) + 1) for _ in range(2))
    return text[:first] + text[last:] if chance.random() < 0.7 else text[:first]


def _double(text: bytearray, _others: Sequence[bytes], chance: random.Random) -> bytearray:
    first, last = sorted(chance.randrange(len(text) + 1) for _ in range(2))
    return text[:last] + text[first : first + 5000] * chance.randint(1, 5) + text[last:]


def _graft(text: bytearray, others: Sequence[bytes], chance: random.Random) -> bytearray:
    other = chance.choice(others)
    start = chance.randrange(len(other) + 1)
    place = chance.randrange(len(text) + 1)
    return text[:place] + other[start : start + chance.randint(1, 2000)] + text[place:]


def _word(text: bytearray, _others: Sequence[bytes], chance: random.Random) -> bytearray:
    """Replace what stands between two marks: a value, not the structure."""
    start = text.find(b">", chance.randrange(len(text) + 1))
    end = text.find(b"<", start)
    if start < 0 or end < 0:
        return text
    return text[: start + 1] + chance.choice(_WORDS) + text[end:]


_WOUNDS = (_flip, _cut, _double, _graft, _word, _word, _word)


def read_everything(payload: bytes, subject: Subject) -> None:
    """Hand one payload to every parser; only the named errors may come out."""
    redact(payload[:4000].decode("utf-8", "replace"))
    discovery.read_match(payload, "127.0.0.1", {_PROBE})
    body = attachments.envelope_of(payload, "multipart/related" if payload[:2] == b"--" else "")
    attachments.attached(payload, "multipart/related")
    try:
        opened = soap.opened(body, "application/soap+xml", LIMITS, vocabulary=subject.vocabulary)
    except soap.NotAnEnvelope:
        return
    if opened.content is None:
        return
    habits.voice_of(opened.root, "")
    _read_events(opened.content, subject)
    _read_settings(opened.content)
    _read_care(opened.content)
    name = soap.local_name(opened.content).removesuffix("Response")
    for service in ("devicemgmt", "media", "events", "imaging", "ptz"):
        with contextlib.suppress(KeyError, Misread):
            shared_services().operation(service, name).response(opened.root)


def read_lines(payload: bytes) -> None:
    """Hand one payload to what reads headers and SIP."""
    text = payload.decode("latin-1")
    challenge = digest_challenge((text,))
    if challenge is not None:
        challenge.authorization("GET", "/", username="admin", password=Secret(SECRET))
    offers_basic((text,))
    sip_message.body_bytes(payload)
    sip_message.answered_number(payload, _DIALOGUE)
    found = sip_message.answer(payload, _DIALOGUE)
    if found is not None:
        digest_challenge(found.challenges)
        assert len(found.bindings) <= len(payload)


def _read_events(content: etree._Element, subject: Subject) -> None:
    box, now = subject.box, datetime.now(UTC)
    told = read_told(content, now=now, tally=box.tally)
    box.states.take("fuzzed", told.readings)
    box.strangers.add("fuzzed", told.strangers, now=now, dropped=told.dropped)
    box.storage.take("fuzzed", told.notices)
    for notice in told.notices:
        subject.echoes.pass_on(notice.event, now_s=time.monotonic())


def _read_settings(content: etree._Element) -> None:
    for node in (content, *list(content)[:20]):
        for table in (_MEDIA1, _MEDIA2, _SETTINGS, io.RELAY, io.INPUT):
            found = places.read(node, table)
            places.write(node, table, found)
        io._options(node)


def _read_care(content: etree._Element) -> None:
    """Recordings, where a head looks, tours: looked for at every element, whatever the answer is called."""
    recording_answers.configured_recordings(content, most=LIMITS.channels)
    recording_answers.jobs(content, most=LIMITS.channels)
    recording_answers.job_records(content)
    for node in islice(content.iter(etree.Element), 200):
        recording_answers.recording_of(node)
        ptz.place_of(node)
        ptz.seconds_of(node.text or "")
        if soap.local_name(node) == "PresetTour":
            tour = tours._tour(node)
            tours._copied(node, replace(tour, spots=(*tour.spots, tours.Spot("1", 5.0))))
    list(recording_answers.states(islice(content.iter(etree.Element), 200), "rec1"))


def _http(payload: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: "
    return head + str(len(payload)).encode() + b"\r\n\r\n" + payload


def _device(subject: Subject) -> Device:
    return Device(
        id="fuzzed",
        device_class=DeviceClass.SMART_CAMERA,
        host=subject.server.host,
        port=subject.server.port,
        username="admin",
        password=Secret(SECRET),
    )


def call_a_device(payload: bytes, subject: Subject) -> None:
    """A whole climb, a settings reading and a pull against a device that answers everything with this."""
    said = _http(payload)
    subject.says = lambda _request: said
    _climb_and_read(_device(subject))


def talk_to_a_device(known: Mapping[str, Sequence[bytes]], subject: Subject, chance: random.Random) -> None:
    """The same, its care and its recordings, against a device that knows what is asked and damages some."""
    every = [text for texts in known.values() for text in texts]
    here = answers.services_at(subject.server.host, subject.server.port)

    def said(request: bytes) -> bytes:
        operation = answers.asked(request)
        if operation == "GetServices":
            return _http(here)
        text = chance.choice(known.get(operation) or every)
        return _http(mutated(text, every, chance) if chance.random() < _SHARE_DAMAGED else text)

    subject.says = said
    device = _device(subject)
    _climb_and_read(device)
    room = OnvifRoom(limits=LIMITS)
    with contextlib.suppress(DeviceError):
        room.recordings(device)
    stranger = Session(device, Account("", Secret(""), rest_s=0), shared_services(), limits=LIMITS)
    with contextlib.closing(stranger), contextlib.suppress(DeviceError):
        stranger.reference()
    with contextlib.closing(room.upkeep(device)) as care:
        for question in (
            *(care.head.presets, care.head.bearing, care.tours.listed, lambda: care.tours.options("t1")),
            *(care.contacts.relays, care.contacts.inputs, care.accounts.all, care.files.system_log),
        ):
            with contextlib.suppress(DeviceError):
                question()


def call_by_line(subject: Subject, chance: random.Random) -> None:
    """A video server climbed over RTSP, and an endpoint asked over SIP by TCP; what they say is damaged."""

    def said(request: bytes) -> bytes:
        if b" sip:" in request.partition(b"\r\n")[0]:
            return mutated(sip_peer.reply(request, "200 OK", "Contact: <sip:1@[::1]>"), _LINES, chance)
        text = chance.choice(_RTSP)
        return mutated(text, _RTSP, chance) if chance.random() < _SHARE_DAMAGED else text

    subject.says = said
    device = replace(_device(subject), rtsp_port=subject.server.port, stream_path="/live")
    with contextlib.closing(OnvifRoom(limits=LIMITS).open(device)) as adapter:
        assert SECRET not in adapter.climb().detail
    with contextlib.suppress(OSError):
        sip.options_by_tcp(device.host, device.port, seconds=CALL_S)


def _climb_and_read(device: Device) -> None:
    room = OnvifRoom(limits=LIMITS)
    with contextlib.closing(room.open(device)) as adapter:
        evidence = adapter.climb()
        assert SECRET not in evidence.detail
    with contextlib.closing(room.settings(replace(device, id="other"))) as settings:
        for aspect in settings.values():
            with contextlib.suppress(DeviceError):
                aspect.read()
    with contextlib.closing(room.subscribe(device)) as events, contextlib.suppress(DeviceError):
        events.pull()


def run(
    seconds: float, *, seed: int, most: int = sys.maxsize, every: Callable[[Tell], None] = lambda _: None
) -> Tell:
    """Fuzz for so long, or so many readings; every finding is one line with what reproduces it. ``every`` is
    told between two devices."""
    data = Path(os.environ.get("OUTPOST_DATA", REPOSITORY.parent / "shared" / "data"))
    chance = random.Random(seed)
    corpus = seeds(data)
    known = answers.by_operation(corpus)
    corpus += [*answers.own_answers().values(), *[answers.announcement(_PROBE)] * _ANNOUNCEMENTS]
    tell, box = Tell(), Box()
    ends = time.monotonic() + seconds
    with _listening() as heard:

        def live() -> None:
            last = min(most, tell.executions + LIFE)
            with contextlib.closing(Subject(box)) as subject:
                while time.monotonic() < ends and tell.executions < last:
                    _one(_next(subject, chance, tell, corpus=corpus, known=known), tell)
                    if SECRET in "".join(heard):
                        tell.findings.append("a secret stands in the log")
                    heard.clear()

        while time.monotonic() < ends and tell.executions < most:
            _lived(live)
            every(tell)
    return tell


def _lived(life: Callable[[], None]) -> None:
    """Run one device's life in a thread of its own; what it raises is raised here."""
    raised: list[BaseException] = []

    def guarded() -> None:
        try:
            life()
        except BaseException as error:  # noqa: BLE001 - handed over to the caller
            raised.append(error)

    thread = threading.Thread(target=guarded, name="fuzzed")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


@dataclass(frozen=True, slots=True)
class _Reading:
    """One reading to come. ``whole``: a device is called over a socket."""

    read: Callable[[], None]
    shown: bytes
    whole: bool = False


def _next(
    subject: Subject,
    chance: random.Random,
    tell: Tell,
    *,
    corpus: Sequence[bytes],
    known: Mapping[str, Sequence[bytes]],
) -> _Reading:
    if chance.random() < _SHARE_OF_LINES:
        if tell.executions % _EVERY_CALL == 0:
            seed = chance.getrandbits(64)
            by_line = random.Random(seed)
            return _Reading(lambda: call_by_line(subject, by_line), b"line %d" % seed, whole=True)
        line = mutated(chance.choice(_LINES), _LINES, chance)
        return _Reading(lambda: read_lines(line), line)
    payload = mutated(chance.choice(corpus), corpus, chance)
    if tell.executions % _EVERY_CALL:
        return _Reading(lambda: read_everything(payload, subject), payload)
    if tell.calls % 2:
        seed = chance.getrandbits(64)
        talk = random.Random(seed)
        return _Reading(lambda: talk_to_a_device(known, subject, talk), b"talk %d" % seed, whole=True)
    return _Reading(lambda: call_a_device(payload, subject), payload, whole=True)


def _one(reading: _Reading, tell: Tell) -> None:
    tell.executions += 1
    tell.calls += reading.whole
    began = time.monotonic()
    try:
        reading.read()
    except Exception as error:  # noqa: BLE001 - whatever comes out is the finding
        tell.findings.append(f"{type(error).__name__}: {error} on {reading.shown[:200]!r}")
    took_s = time.monotonic() - began
    if not reading.whole:
        tell.slowest_s = max(tell.slowest_s, took_s)
    if took_s > (CALL_BOUND_S if reading.whole else SLOW_S):
        tell.findings.append(f"{took_s:.1f} s on {reading.shown[:200]!r}")


@contextlib.contextmanager
def _listening() -> Iterator[list[str]]:
    """Every log line of the device room, as text."""
    heard: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    ear, logger = Ear(logging.DEBUG), logging.getLogger("agent")
    logger.addHandler(ear)
    try:
        yield heard
    finally:
        logger.removeHandler(ear)


def _own() -> bytes:
    return (
        b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><tds:GetDeviceInformationResponse'
        b' xmlns:tds="http://www.onvif.org/ver10/device/wsdl"><tds:Manufacturer>M</tds:Manufacturer>'
        b"<tds:Model>1</tds:Model></tds:GetDeviceInformationResponse></s:Body></s:Envelope>"
    )


def main() -> int:
    """Run, and print one line a minute; exit status 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.fuzz_devices")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    share_heaps()
    memory: list[InUse] = []
    began = time.monotonic()

    def every(tell: Tell) -> None:
        if time.monotonic() - began > options.seconds / SAMPLES * (len(memory) + 1):
            memory.append(in_use())
            took_s = time.monotonic() - began
            print(f"{took_s:.0f} s, {tell.executions} readings, {tell.calls} calls: {memory[-1]}", flush=True)

    print(f"seed {options.seed}", flush=True)
    tell = run(options.seconds, seed=options.seed, every=every)
    if options.seconds >= SETTLED_S:
        tell.findings += grown(memory)
    for finding in tell.findings[:20]:
        print(finding)
    cpu_s = time.process_time()
    print(
        f"{tell.executions} readings ({tell.executions / options.seconds:.0f} a second), {tell.calls} calls, "
        f"{cpu_s:.0f} CPU s, slowest reading {tell.slowest_s:.2f} s, findings {len(tell.findings)}, "
        f"resident MiB {' '.join(f'{one.resident_mib:.1f}' for one in memory)}"
    )
    return 1 if tell.findings else 0


if __name__ == "__main__":
    sys.exit(main())
