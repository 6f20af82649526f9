"""Recorded answers, damaged at random: the room tells who it is or why not, and never breaks."""

from __future__ import annotations

import random
import re

import pytest

from agent.devices import identify
from agent.devices.room import OnvifRoom
from agent.model import Evidence, Identity
from tests.agent.devices.builders import QUICK, a_device
from tests.support.hostile import answering
from tests.support.recorded import answer_to, onvif_data, recorded_devices

_TEXT = re.compile(rb">[^<>]+<")
_TAG = re.compile(rb"<(\w+:\w+)[^<>]*?>")


def damaged(answer: bytes, chance: random.Random) -> bytes:
    """The answer with one to three texts, tags or stretches spoilt; its length header is left to lie."""
    head, _, body = answer.partition(b"\r\n\r\n")
    for _ in range(chance.randint(1, 3)):
        body = chance.choice([_other_text, _other_tag, _cut, _flipped])(body, chance)
    head = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head)
    return head + b"\r\n\r\n" + body


def _other_text(body: bytes, chance: random.Random) -> bytes:
    found = list(_TEXT.finditer(body))
    if not found:
        return body
    spot = chance.choice(found)
    word = chance.choice([b"", b"-1", b"NaN", b"1e999", b"PT", b"true", b"9" * 400, b"\xc3\xa4", b"&#x202e;"])
    return body[: spot.start()] + b">" + word + b"<" + body[spot.end() :]


def _other_tag(body: bytes, chance: random.Random) -> bytes:
    found = list(_TAG.finditer(body))
    if not found:
        return body
    name = chance.choice(found).group(1)
    return body.replace(name, chance.choice([b"tt:Other", b"tds:Other"]))


def _cut(body: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(body) or 1)
    return body[:start] + body[start + chance.randint(1, 200) :]


def _flipped(body: bytes, chance: random.Random) -> bytes:
    if not body:
        return body
    spot = chance.randrange(len(body))
    return body[:spot] + bytes([chance.randrange(256)]) + body[spot + 1 :]


@pytest.mark.parametrize("seed", range(6))
def test_damaged_answers_never_break_the_room(seed: int) -> None:
    chance = random.Random(seed)
    devices = [one for one in recorded_devices(onvif_data()) if one.is_device]
    recorded = devices[seed * 3 % len(devices)]
    with answering(lambda request: damaged(answer_to(recorded, request, server.port), chance)) as server:
        row = a_device(server.host, server.port)
        for _ in range(25):
            told = identify(row, limits=QUICK)
            assert isinstance(told, Identity) or " / " in told
        adapter = OnvifRoom(limits=QUICK).open(row)
        for _ in range(10):
            assert isinstance(adapter.climb(), Evidence)
            adapter.forget_failures()
        adapter.close()
