"""Mutated answers, some hundreds with a fixed seed: the long run is ``make fuzz-devices``."""

from __future__ import annotations

import random

import pytest

from tests.support.fuzz_devices import GROWTH_MIB, Subject, grown, mutated, run


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


def test_flat_memory_is_told_from_growing_memory() -> None:
    assert grown([]) == grown([90.0]) == grown([50.0, 100.0]) == ""
    assert grown([50.0, 100.0, 101.0, 100.0 + GROWTH_MIB]) == ""
    assert "from 100.0 to 105.0 MiB" in grown([50.0, 100.0, 102.0, 105.0, 104.0])
