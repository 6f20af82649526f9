"""Recorded payloads of every kind. Law: files are added to the folder, never edited.

A new kind, or a new version of one, gets a file and a line in the manifest by

    python -m tests.protocol.record_golden
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from protocol.codec import Received, canonical, decode_batch, decode_entry, decode_event
from protocol.messages import ENTRY_KINDS, PLAIN_KINDS
from protocol.versions import MESSAGE_VERSION
from tests.protocol import record_golden
from tests.protocol.record_golden import FOLDER, MANIFEST, read_manifest
from tests.support.wire import EXAMPLES, KEY, LOG, VARIANTS, kind_of, topic_for

BY_KIND = {kind_of(data): data for data in EXAMPLES}


def golden(name: str) -> bytes:
    return (FOLDER / f"{name}.v{MESSAGE_VERSION}.json").read_bytes()


def test_every_kind_has_an_example_and_a_golden_file() -> None:
    assert set(BY_KIND) == {*ENTRY_KINDS, *PLAIN_KINDS}
    names = {path.name for path in FOLDER.glob("*.json")} - {MANIFEST.name}
    assert names >= {f"{kind}.v{MESSAGE_VERSION}.json" for kind in [*BY_KIND, *VARIANTS, "batch"]}


def test_golden_files_are_what_they_were() -> None:
    hashes = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in FOLDER.glob("*.json")
        if path != MANIFEST
    }
    assert hashes == read_manifest()


@pytest.mark.parametrize("name", [*sorted(ENTRY_KINDS), *VARIANTS])
def test_a_recorded_entry_is_let_in_and_round_trips(name: str) -> None:
    recorded = golden(name)
    received = decode_entry(LOG, json.loads(recorded), key=KEY)
    assert kind_of(received.entry.data) == (kind_of(VARIANTS[name]) if name in VARIANTS else name)
    assert name not in VARIANTS or received.entry.data == VARIANTS[name]
    assert received.canonical == canonical(json.loads(recorded))
    again = received.entry.model_dump(mode="json", exclude_none=True)
    assert canonical(again) == received.canonical
    assert again == json.loads(recorded)


@pytest.mark.parametrize("kind", sorted(PLAIN_KINDS))
def test_a_recorded_event_is_let_in_and_round_trips(kind: str) -> None:
    recorded = golden(kind)
    event = decode_event(topic_for(BY_KIND[kind]), recorded)
    assert kind_of(event.data) == kind
    assert event.model_dump(mode="json", exclude_none=True) == json.loads(recorded)


def test_the_recorded_batch_is_let_in_whole() -> None:
    recorded = len(json.loads(golden("batch")))
    received = decode_batch(LOG, golden("batch"), key=KEY)
    assert [item.entry.number for item in received if isinstance(item, Received)] == [*range(1, recorded + 1)]
    assert recorded >= 9, "the kinds there were when it was recorded"


def test_recording_adds_what_is_missing_and_leaves_the_rest(tmp_path: Path) -> None:
    old = tmp_path / f"canary.v{MESSAGE_VERSION}.json"
    old.write_bytes(b"{}")
    record_golden.record(tmp_path)
    assert old.read_bytes() == b"{}"
    assert old.name not in read_manifest(tmp_path)
    assert len(read_manifest(tmp_path)) == len(BY_KIND) + len(VARIANTS)
