"""Mutated answers, some hundreds with a fixed seed: the long run is ``make fuzz-devices``."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support import answers
from tests.support.fuzz_devices import Subject, mutated, run
from tests.support.hostile import Hostile
from tests.support.memory_in_use import (
    BLOCK_GROWTH,
    MALLOC_GROWTH_MIB,
    RESIDENT_GROWTH_MIB,
    InUse,
    grown,
    in_use,
)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_damaged_answer_is_a_value_or_the_error_its_reader_names(seed: int) -> None:
    told = run(60, seed=seed, most=400)
    assert told.executions == 400
    assert told.findings == []


def test_the_fuzzer_finds_what_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(payload: bytes, _subject: Subject) -> None:
        payload.decode("ascii")

    monkeypatch.setattr("tests.support.fuzz_devices.read_everything", careless)
    assert any("UnicodeDecodeError" in finding for finding in run(60, seed=1, most=200).findings)


def test_the_same_seed_wounds_alike() -> None:
    answers = [b"<a><b>1</b></a>", b"<c>two</c>"]
    first = [mutated(answers[0], answers, random.Random(7)) for _ in range(5)]
    assert first == [mutated(answers[0], answers, random.Random(7)) for _ in range(5)]


def test_a_device_that_knows_what_is_asked_is_asked_for_its_head_its_relays_and_its_recordings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[str] = []
    asked = answers.asked

    def listening(request: bytes) -> str:
        heard.append(asked(request))
        return heard[-1]

    monkeypatch.setattr("tests.support.fuzz_devices._EVERY_CALL", 5)
    monkeypatch.setattr("tests.support.answers.asked", listening)
    assert run(60, seed=4, most=60).findings == []
    assert set(heard) >= {
        "GetEndpointReference", "GetEventSearchResults", "GetPresetTours", "GetRecordingSearchResults",
        "GetRelayOutputs", "GetStatus", "PullMessages",
    }  # fmt: skip


_FLAT = InUse(before_mib=130.0, resident_mib=120.0, malloc_mib=30.0, blocks=500_000)


def test_flat_memory_is_told_from_growing_memory() -> None:
    full = replace(_FLAT, resident_mib=120.0 + RESIDENT_GROWTH_MIB, malloc_mib=30.0 + MALLOC_GROWTH_MIB)
    assert grown([]) == grown([_FLAT]) == grown([_FLAT, _FLAT, full, _FLAT]) == []
    assert grown([replace(_FLAT, blocks=1), _FLAT, _FLAT]) == []
    assert "resident MiB from 120.0 to 125.0" in grown([_FLAT, _FLAT, replace(_FLAT, resident_mib=125.0)])[0]
    assert "MiB of malloc" in grown([_FLAT, _FLAT, replace(_FLAT, malloc_mib=31.5)])[0]
    assert "blocks of Python" in grown([_FLAT, _FLAT, replace(_FLAT, blocks=501_000 + BLOCK_GROWTH)])[0]


@pytest.mark.parametrize(
    ("planted", "told"),
    [
        pytest.param(lambda: [object() for _ in range(BLOCK_GROWTH * 2)], "blocks of Python", id="objects"),
        pytest.param(lambda: [bytes(1000) for _ in range(2000)], "MiB of malloc", id="texts"),
    ],
)
def test_a_planted_leak_is_told(planted: Callable[[], list[object]], told: str) -> None:
    before = [in_use(), in_use()]
    kept = planted()
    found = grown([*before, in_use()])
    assert kept
    assert any(told in line for line in found)


def test_a_device_of_the_fuzzer_keeps_no_connection_it_has_served() -> None:
    with Hostile("plain_text") as device:
        for _ in range(30):
            with socket.create_connection((device.host, device.port)) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
                while sock.recv(1000):
                    pass
        assert len(device._threads) < 10
